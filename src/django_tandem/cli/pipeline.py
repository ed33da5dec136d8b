"""`tandem pipeline`: which runs there are, and what each did."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from django_tandem.cli.audited import person
from django_tandem.cli.hook import hook
from django_tandem.cli.notify import notify
from django_tandem.cli.project import json_option, with_queue
from django_tandem.cli.ship import resume
from django_tandem.cli.timeline import STYLES, clock, print_log, print_run, took
from django_tandem.cli.watch import watch

if TYPE_CHECKING:
    from django_tandem.queue.connect import Connection

WIDE = 140


@click.group()
def pipeline() -> None:
    """Look at runs, and tend them: what goes live, how far it is, who let it."""


@pipeline.command("list")
@click.option("--open", "only_open", is_flag=True, help="Only runs that have not ended.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="How many, newest first.")
@json_option
@with_queue
def list_runs(only_open: bool, limit: int, as_json: bool) -> None:
    """List runs, newest first."""
    from django_tandem.pipeline import ledger
    from django_tandem.pipeline.facts import plain

    with _connection() as connection:
        runs = [plain(asdict(run)) for run in ledger.newest_runs(connection, limit, only_open=only_open)]
    if as_json:
        click.echo(json.dumps(runs))
        return
    if not runs:
        click.echo("no open runs" if only_open else "no runs")
        return
    table = Table("run", "state", "commit", "ref", "begun", "took", "by", "", box=box.SIMPLE_HEAD, pad_edge=False)
    for run in runs:
        what = run["ref"] or "" if run["kind"] == "ship" else run["kind"]
        table.add_row(
            str(run["id"]), f"[{STYLES.get(run['state'], 'white')}]{run['state']}[/]", escape(run["commit"][:12]),
            escape(what), clock(run["begun_at"]), took(run["seconds"]), escape(run["begun_by"]),
            escape(run["reason"] or ""),
        )  # fmt: skip
    Console(highlight=False, width=max(Console().width, WIDE)).print(table)


@pipeline.command()
@click.argument("run", type=int)
@json_option
@with_queue
def show(run: int, as_json: bool) -> None:
    """Show RUN: what it changes, its gate, and each step with its duration."""
    from django_tandem.pipeline.facts import facts

    with _connection() as connection:
        found = facts(connection, run)
    if as_json:
        click.echo(json.dumps(found))
    else:
        print_run(Console(highlight=False, width=max(Console().width, WIDE)), found)


@pipeline.command()
@click.argument("run", type=int)
@json_option
@with_queue
def log(run: int, as_json: bool) -> None:
    """Print the ledger of RUN as it was written: a line before each step and one after it."""
    from django_tandem.pipeline import ledger
    from django_tandem.pipeline.facts import plain

    with _connection() as connection:
        ledger.read_run(connection, run)
        rows = [plain(row) for row in ledger.rows(connection, run)]
    if as_json:
        for row in rows:
            click.echo(json.dumps(row))
    else:
        print_log(rows)


@pipeline.command()
@click.argument("run", type=int)
@click.option("--reason", help="Why, for the record.")
@json_option
@with_queue
def cancel(run: int, reason: str | None, as_json: bool) -> None:
    """End RUN before its migrations begin: nothing of it becomes live. Refused once they began."""
    from django_tandem.pipeline import ledger
    from django_tandem.pipeline.facts import plain

    with _connection() as connection:
        ledger.cancel(connection, run, by=person(), reason=reason)
        ended = ledger.read_run(connection, run)
    click.echo(json.dumps(plain(asdict(ended))) if as_json else f"run {run} is {ended.state.value}: {ended.reason}")


@contextmanager
def _connection() -> Iterator[Connection]:
    from django_tandem.queue.connect import connect
    from django_tandem.queue.options import queue_database

    with connect(queue_database(), purpose="command") as connection:
        yield connection


pipeline.add_command(hook)
pipeline.add_command(notify)
pipeline.add_command(watch)
pipeline.add_command(resume)
