"""`tandem approve` and `tandem reject`: decide at the gate of a run."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from django_tandem.cli.audited import person, place
from django_tandem.cli.project import json_option, with_queue

digest_option = click.option("--digest", help="Only if the gate is for this digest.")


@click.command()
@click.argument("run", type=int)
@digest_option
@json_option
@with_queue
def approve(run: int, digest: str | None, as_json: bool) -> None:
    """Let RUN go on to production: `tandem pipeline show RUN` says what that changes."""
    _decide("approve", run, digest, None, as_json=as_json)


@click.command()
@click.argument("run", type=int)
@click.option("--reason", help="Why, for the record.")
@digest_option
@json_option
@with_queue
def reject(run: int, reason: str | None, digest: str | None, as_json: bool) -> None:
    """End RUN at its gate: nothing of it reaches production."""
    _decide("reject", run, digest, reason, as_json=as_json)


def _decide(what: str, run: int, digest: str | None, reason: str | None, *, as_json: bool) -> None:
    from django_tandem.pipeline import approval
    from django_tandem.pipeline.facts import plain
    from django_tandem.queue.connect import connect
    from django_tandem.queue.options import queue_database

    with connect(queue_database(), purpose=what) as connection:
        if what == "approve":
            gate = approval.approve(connection, run, by=person(), via=place(), digest=digest)
        else:
            gate = approval.reject(connection, run, by=person(), via=place(), reason=reason, digest=digest)
    click.echo(json.dumps(plain(asdict(gate))) if as_json else f"run {run}: {gate}")
