"""The steps before the fork: a commit is looked at, built, tried, and somebody is asked."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django_tandem.errors import GateClosed, TrialFailed
from django_tandem.pipeline import approval, ledger, releases
from django_tandem.pipeline.driving import Driving
from django_tandem.pipeline.facts import plain
from django_tandem.pipeline.releases import Release
from django_tandem.pipeline.stages import APPROVAL, BUILD, SOURCE, TRIAL
from django_tandem.pipeline.summary import Commit, Range, Summary, changed_dependencies, changed_roles, changed_settings
from django_tandem.queue import calls, fence
from django_tandem.release import build, source, trial
from django_tandem.release.compatibility import Queued
from django_tandem.release.findings import Check
from django_tandem.release.trial import Live

# Commits and migrations beyond so many are counted and not named.
MOST_COMMITS = 50


def look(driving: Driving) -> None:
    """Which commits become live with the run's."""
    with driving.writing(SOURCE) as told:
        told.update(_range(driving, live_release(driving), driving.read().commit))


def make(driving: Driving) -> None:
    """The artifact of the run's commit."""
    with driving.writing(BUILD) as told:
        built = build.build(
            driving.tandem, driving.read().commit, places=driving.places, variables=driving.ground.variables
        )
        told |= {"digest": built.manifest.digest, "is_new": built.is_new, "log": str(built.log)}
        ledger.built(
            driving.connection, driving.held, driving.run, built.manifest.digest, json.loads(built.manifest.to_json())
        )


def attempt(driving: Driving) -> None:
    """Try the artifact. Raises TrialFailed, which names the checks that found something."""
    with driving.writing(TRIAL) as told:
        live, digest = live_release(driving), _digest(driving)
        said = None
        if live is not None:
            manifest = live.manifest
            said = Live(
                migrations=manifest["migrations"],
                tasks=manifest["tasks"],
                queued=[Queued(*call) for call in calls.calls(driving.connection)],
            )
        checks = trial.trial(
            driving.tandem,
            driving.places.artifacts / digest,
            live=said,
            places=driving.places,
            variables=driving.ground.variables,
            on_check=lambda check: driving.told(TRIAL, None, check.as_json()),
        )
        told["checks"] = [check.as_json() for check in checks]
        if wrong := [check for check in checks if not check.ok]:
            raise TrialFailed("; ".join(_said(check) for check in wrong))


def ask(driving: Driving) -> bool:
    """Ask for approval: whether somebody has decided. Raises GateClosed where it was not given."""
    digest, hours = _digest(driving), driving.tandem.file.pipeline.approval_hours
    gate = approval.ask(
        driving.connection,
        driving.held,
        driving.run,
        digest,
        summary(driving, digest),
        valid_for=timedelta(hours=hours),
    )
    if gate.decision is None:
        driving.told(APPROVAL, None, {"gate": plain(asdict(gate))})
        return False
    with driving.writing(APPROVAL) as told:
        told |= {"decision": gate.decision, "by": gate.decided_by, "via": gate.via, "reason": gate.reason}
        if gate.decision != "approved":
            raise GateClosed(f"run {driving.run} {gate}")
    return True


def live_release(driving: Driving) -> Release | None:
    """The release that the fence names, where the pipeline built it."""
    name = fence.read(driving.connection).release
    return releases.read(driving.connection, name) if name else None


def summary(driving: Driving, digest: str) -> Summary:
    """What whoever decides is shown: what changes from the live release to the artifact `digest`."""
    new, live = releases.read(driving.connection, digest), live_release(driving)
    assert new is not None  # noqa: S101 - it was built in this run
    before: dict[str, Any] = live.manifest if live else {"migrations": [], "settings": {}, "dependencies": {}}
    steps = ledger.timeline(driving.connection, driving.run)
    checks: list[dict[str, Any]] = next(
        (step.detail.get("checks", []) for step in reversed(steps) if step.stage == TRIAL.stage), []
    )
    return {
        **_range(driving, live, new.commit),
        "migrations": sorted(set(new.manifest["migrations"]) - set(before["migrations"])),
        "settings": changed_settings(before, new.manifest),
        "roles": changed_roles(before, new.manifest) if live else {},
        "dependencies": changed_dependencies(before, new.manifest),
        "trial": [
            {
                "name": check["name"],
                "passed": check["ok"],
                "seconds": check["seconds"],
                "text": "\n".join(one["what"] for one in check["findings"] if one["level"] != "note"),
            }
            for check in checks
        ],
    }


def _range(driving: Driving, live: Release | None, commit: str) -> Range:
    """What becomes live with `commit`: itself alone where the live one, with which it is compared, is not here."""
    root, since = driving.tandem.root, live.commit if live else None
    is_here = since is None or source.has(root, since)
    found = source.log(root, since if is_here else None, commit, most=MOST_COMMITS if is_here else 1)
    commits: list[Commit] = [{"commit": one.commit, "author": one.author, "subject": one.subject} for one in found]
    return {"since": since, "since_is_here": is_here, "commits": commits}


def _digest(driving: Driving) -> str:
    digest = driving.read().digest
    assert digest is not None  # noqa: S101 - the step before built it
    return digest


def _said(check: Check) -> str:
    first = check.errors[0]
    more = f" and {len(check.errors) - 1} more" if len(check.errors) > 1 else ""
    return f"{check.name}: {first.what.splitlines()[0]}{more}"
