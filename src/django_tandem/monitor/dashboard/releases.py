"""The page of releases: what is live and on which servers, what was shipped, what is kept; rollback."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from django_tandem.errors import HostFailed
from django_tandem.monitor.dashboard import access, fleet, project, run
from django_tandem.monitor.dashboard.action import Declined, action
from django_tandem.monitor.dashboard.page import page
from django_tandem.pipeline import current, ledger, ship
from django_tandem.pipeline import releases as built
from django_tandem.pipeline.look import Fleet
from django_tandem.pipeline.releases import Kept
from django_tandem.queue import fence

RUNS = 20
# As many as pipeline.retain may say, and those that it keeps beside them.
MOST_KEPT = 120


@page("releases")
def releases(request: HttpRequest) -> dict[str, Any]:
    """The live release, the newest runs (`?before=RUN`: older ones), and the releases that are there."""
    seen = fleet.newest()
    before = run.number(request.GET.get("before"))
    with project.connection() as connection:
        stands = fence.read(connection)
        since = fence.since(connection)
        live = built.named(connection, stands.release) if stands.release else None
        runs = ledger.newest_runs(connection, RUNS + 1, before=before)
        kept = built.kept(connection, MOST_KEPT)
    return {
        "live": stands.release,
        "since": since,
        "epoch": stands.epoch,
        "was_built": live is not None,
        "differs": current.differs(seen, lambda one: one.cause),
        "servers": _servers(seen, live.manifest["settings"] if live else {}),
        "open": run.under_way(),
        "runs": [run.row(one) for one in runs[:RUNS]],
        "older": runs[RUNS - 1].id if len(runs) > RUNS else None,
        "is_older": before is not None,
        "kept": _kept(kept, stands.release),
        "command": project.driver() is None,
    }


@action("roll back", needs=access.RELEASE)
def rollback(request: HttpRequest, *, digest: str) -> str:
    """Begin a run that goes back to a release, and start its driver: what answers here will be replaced by it."""
    driver = project.driver()
    with project.connection() as connection:
        release = built.read(connection, digest)
        name = release.release if release else digest
        if driver is None or not (driver.places.artifacts / digest).is_dir():
            raise Declined(f"{name} is not kept on this host: in the project's folder, tandem rollback {name}")
        if release is not None and fence.read(connection).release == name:
            raise Declined(f"{name} is live already")
        begun = ship.begin_rollback(connection, digest, by=access.person(request), via=access.place(request))
    number = begun.run.id
    if not begun.is_new:
        return f"run {number} goes back to {name} already"
    try:
        run.start(driver, number)
    except HostFailed as error:
        return f"run {number} is begun, and nobody drives it ({error}): tandem pipeline resume {number}"
    return f"run {number} goes back to {name}; both servers change within a minute"


def _servers(seen: Fleet, settings: dict[str, str]) -> list[dict[str, Any]]:
    """Those that live. `settings`: the digests with which the live release was built, by role."""
    return [
        {
            "role": one.seen.role,
            "name": one.seen.name,
            "release": one.seen.release,
            "is_live": one.seen.release == seen.expected.live,
            "digest": one.seen.config_digest,
            "as_built": settings.get(one.seen.role) == one.seen.config_digest
            if one.seen.release == seen.expected.live and one.seen.role in settings and one.seen.config_digest
            else None,
            "verdict": one.verdict,
            "state": one.seen.state,
        }
        for one in seen.servers
        if one.seen.lives
    ]


def _kept(kept: list[Kept], live: str | None) -> list[dict[str, Any]]:
    before = next((one.digest for one in kept if one.verified_at and one.release != live), None)
    return [
        {**one._asdict(), "state": "live" if one.release == live else "before" if one.digest == before else "there"}
        for one in kept
    ]
