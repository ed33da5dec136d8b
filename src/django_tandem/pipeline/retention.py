"""Retention: of what was built, the newest stay, and all that is needed; the rest is removed, and marked so."""

from __future__ import annotations

import logging
from contextlib import suppress

from django_tandem.errors import ReleaseNotFound
from django_tandem.pipeline import ledger, releases
from django_tandem.pipeline.driving import Driving
from django_tandem.queue import fence
from django_tandem.queue.connect import Connection
from django_tandem.release import store

logger = logging.getLogger("django_tandem.pipeline")

LOOK_S = 30.0
MOST = 1000


def prune(driving: Driving) -> None:
    """Remove what is beyond pipeline.retain, by the owner of the lock: nobody builds meanwhile. A failure is told and
    changes nothing about the run, which has ended."""
    try:
        _prune(driving)
    except Exception as error:  # noqa: BLE001 - whatever it was, the release is live
        logger.warning("old releases were not removed: %s: %s", type(error).__name__, error)


def before(connection: Connection) -> releases.Release | None:
    """The release that was live before and proved good: what a rollback goes back to."""
    live = fence.read(connection).release
    good = [one for one in releases.newest(connection, MOST) if one.verified_at and not one.removed_at]
    return next((one for one in good if one.release != live), None)


def _prune(driving: Driving) -> None:
    connection = driving.connection
    previous = before(connection)
    needed = {
        fence.read(connection).release,
        previous.digest if previous else None,
        previous.release if previous else None,
    }
    needed |= {run.digest for run in ledger.newest_runs(connection, MOST, only_open=True)}
    for host in driving.hosts:
        needed |= {one["release"] for one in host.do("running", within_s=LOOK_S)["running"]}
    gone = store.prune(
        driving.places, most=driving.tandem.file.pipeline.retain, named={name for name in needed if name}
    )
    for path in gone:
        if path.parent == driving.places.artifacts:
            with suppress(ReleaseNotFound):  # built by hand, and in no run
                releases.removed(connection, driving.held, path.name)
