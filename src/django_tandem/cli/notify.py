"""`tandem pipeline notify`: a notice that tells of nothing, to see whether it arrives."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

import click

from django_tandem.cli.audited import person
from django_tandem.cli.project import json_option, with_queue

if TYPE_CHECKING:
    from django_tandem.queue.results import Row

LOOK_S = 0.1


@click.command()
@click.argument("name")
@click.option(
    "--wait",
    "wait_s",
    default=30.0,
    show_default=True,
    type=click.FloatRange(0, 86_400),
    help="Wait at most so many seconds for its end; 0 only enqueues it.",
)
@json_option
@with_queue
def notify(name: str, wait_s: float, as_json: bool) -> None:
    """Send a test of the notice NAME, [notices.NAME] of tandem.toml, the way all go: by a job of an Async Server.

    Exit code 0 when it arrived, or with --wait 0 was enqueued.
    """
    from django_tandem.config.problems import suggest
    from django_tandem.config.read import read
    from django_tandem.errors import ConfigurationError
    from django_tandem.pipeline import notices
    from django_tandem.queue.connect import connect
    from django_tandem.queue.options import queue_database
    from django_tandem.queue.states import State

    tandem = read()
    if name not in tandem.file.notices:
        known = suggest(name, tandem.file.notices) if tandem.file.notices else "expected a table [notices.NAME]"
        raise ConfigurationError([f"notices.{name} is not in {tandem.path}: {known}"])
    with connect(queue_database(), purpose="command") as connection:
        job = notices.send_test(connection, name, person())
    row = _ended(job, wait_s)
    state, errors = (None, []) if row is None else (row.state, _told(row))
    arrived = state is State.SUCCESSFUL
    if as_json:
        facts = {"notice": name, "job": job, "state": state.name.lower() if state else None, "errors": errors}
        click.echo(json.dumps(facts))
    elif arrived:
        click.echo(f"notice {name} arrived{f' after {len(errors)} failures' if errors else ''} (job {job})")
    elif not wait_s:
        click.echo(f"notice {name} is enqueued: tandem tasks show {job} tells what became of it")
    else:
        why = f": {errors[-1]}" if errors else ": does an Async Server run? tandem status"
        click.echo(f"tandem: notice {name} did not arrive within {wait_s:g} s, job {job} goes on{why}", err=True)
    sys.exit(0 if arrived or not wait_s else 1)


def _ended(job: int, wait_s: float) -> Row | None:
    """The job when it has ended, or as it stands when the time is over."""
    from django_tandem.queue import results
    from django_tandem.queue.options import queue_database
    from django_tandem.queue.states import State

    deadline = time.monotonic() + wait_s
    while True:
        row = results.read(queue_database(), job)
        over = row is None or row.state in (State.SUCCESSFUL, State.FAILED)
        if over or time.monotonic() >= deadline:
            return row
        time.sleep(LOOK_S)


def _told(row: Row) -> list[str]:
    """The last line of each attempt's error."""
    from django_tandem.queue import results

    return [error.traceback.strip().splitlines()[-1] for error in results.errors_of(row) if error.traceback.strip()]
