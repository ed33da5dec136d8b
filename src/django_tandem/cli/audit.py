"""`tandem audit`: who did what to the fleet, or was refused, and what came of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
from rich import box
from rich.markup import escape
from rich.table import Table

from django_tandem.cli import terminal
from django_tandem.cli.project import json_option, with_queue

if TYPE_CHECKING:
    from django_tandem.monitor.audit import Entry

STYLES = {"began": "yellow", "done": "green", "refused": "yellow", "failed": "red"}


@click.command()
@click.option(
    "--limit", default=30, show_default=True, type=click.IntRange(min=1), metavar="N", help="The newest so many."
)
@json_option
@with_queue
def audit(limit: int, as_json: bool) -> None:
    """Show who did what in the dashboard and with commands, the newest first. Releases: tandem pipeline list."""
    from django_tandem.monitor import audit as of_fleet

    found = of_fleet.newest(limit)
    if as_json:
        click.echo(json.dumps([{**one._asdict(), "at": one.at.isoformat()} for one in found]))
        return
    if not found:
        click.echo("nobody has done anything yet")
        return
    table = Table("when", "who", "what", "outcome", "from", box=box.SIMPLE_HEAD, pad_edge=False)
    for one in found:
        outcome = f"[{STYLES[one.outcome]}]{one.outcome}[/]" + (f": {escape(one.text)}" if one.text else "")
        table.add_row(
            f"{one.at.astimezone():%m-%d %H:%M:%S}", escape(one.who), escape(_what(one)), outcome, escape(one.via)
        )
    terminal.console(at_least=terminal.WIDE).print(table)


def _what(entry: Entry) -> str:
    """The action, and what it was asked for."""
    asked = " ".join(f"{key}={_short(value)}" for key, value in entry.detail.items())
    return f"{entry.action} {asked}".strip()


def _short(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
