"""`tandem alarms`: what is wrong with the fleet, since when, and what to do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from django_tandem.cli import terminal
from django_tandem.cli.project import json_option, with_queue


@click.command()
@click.option("--all", "everything", is_flag=True, help="Also what is over: the newest 200.")
@json_option
@with_queue
def alarms(everything: bool, as_json: bool) -> None:
    """Show what is wrong with the fleet now, as its servers see it every 5 s, and what to do about it."""
    from django_tandem.monitor import alarms as of_fleet

    found = as_facts(of_fleet.newest() if everything else of_fleet.open_now())
    if as_json:
        click.echo(json.dumps(found))
        return
    console = terminal.console()
    print_alarms(console, found)
    if not found:
        console.print("no alarm was there yet" if everything else "no alarm is open")


def as_facts(found: Sequence[Any]) -> list[dict[str, Any]]:
    """Alarms as JSON has them."""
    times = ("since", "ended_at")
    return [
        {name: value.isoformat() if name in times and value else value for name, value in one._asdict().items()}
        for one in found
    ]


def print_alarms(console: Console, found: Sequence[dict[str, Any]]) -> None:
    """Two lines each: what is wrong, and what to do."""
    for one in found:
        ended = one.get("ended_at")
        until = f" until {datetime.fromisoformat(ended).astimezone():%m-%d %H:%M}" if ended else ""
        since = f"since {datetime.fromisoformat(one['since']).astimezone():%m-%d %H:%M}{until}"
        style = "dim" if ended else "red"
        console.print(f"[{style}]{escape(one['kind'])}[/]: {escape(one['text'])} ({since})")
        if not ended:
            console.print(f"  {escape(one['todo'])}")
