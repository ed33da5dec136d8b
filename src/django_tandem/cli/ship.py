"""`tandem ship`, `tandem rollback` and `tandem pipeline resume`: a release goes to both servers, or to none."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from django_tandem.cli.audited import person, place
from django_tandem.cli.progress import progress
from django_tandem.cli.project import config_option, json_option

if TYPE_CHECKING:
    from django_tandem.pipeline.ground import Ground
    from django_tandem.pipeline.run import Run
    from django_tandem.pipeline.ship import Caller


@click.command()
@click.argument("commit", required=False)
@json_option
@config_option
def ship(commit: str | None, as_json: bool, config_path: Path | None) -> None:
    """Build, try and release COMMIT (by default what pipeline.ref names) on both servers, after an approval.

    Shows each step; with --json one event a line, the run as the last. Exit code 0 only when the release is live.
    """
    from django_tandem.pipeline import ship as shipping

    _run(config_path, lambda ground, caller: shipping.ship(ground, commit, caller), as_json=as_json)


@click.command()
@click.argument("release", required=False)
@json_option
@config_option
def rollback(release: str | None, as_json: bool, config_path: Path | None) -> None:
    """Go back to RELEASE (by default the one that was live before), without a build, a trial or a gate."""
    from django_tandem.pipeline import ship as shipping

    _run(config_path, lambda ground, caller: shipping.rollback(ground, release, caller), as_json=as_json)


@click.command()
@click.argument("run", type=int, required=False)
@json_option
@config_option
def resume(run: int | None, as_json: bool, config_path: Path | None) -> None:
    """Go on with RUN (by default the oldest that is open), whose driver is gone, from where it stands."""
    from django_tandem.pipeline import ship as shipping

    _run(config_path, lambda ground, caller: shipping.resume(ground, run, caller), as_json=as_json)


def _run(config_path: Path | None, go: Callable[[Ground, Caller], Run], *, as_json: bool) -> None:
    from django_tandem.config.read import read
    from django_tandem.pipeline.ground import ground
    from django_tandem.pipeline.ship import Caller
    from django_tandem.pipeline.stages import RunState

    stands = ground(read(config_path))
    shown = progress(as_json=as_json)
    try:
        with shown:
            run = go(stands, Caller(by=person(), via=place(), begun=shown.begun, tell=shown.tell))
    except KeyboardInterrupt:
        shown.say_interrupted()
        _leave()
    shown.say_end(run)
    sys.exit(0 if run.state is RunState.LIVE else 1)


def _leave() -> NoReturn:
    """End now, also where a thread waits for a leg that drains: its host goes on with that."""
    from django_tandem.processes.postgres import leave_embedded

    sys.stdout.flush()
    if any(not one.daemon for one in threading.enumerate() if one is not threading.main_thread()):
        leave_embedded()
        os._exit(1)
    sys.exit(1)
