"""`tandem locks`: who holds each named lock, and who waits for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from django_tandem.cli.project import json_option, with_queue

if TYPE_CHECKING:
    from django_tandem.queue.lock_holders import Holder

WIDE = 120


@click.group()
def locks() -> None:
    """Look at named locks."""


@locks.command("list")
@json_option
@with_queue
def list_locks(as_json: bool) -> None:
    """List the named locks that are held: by whom, since when, and who waits.

    Nothing takes a lock from its holder but the end of that process, which frees it at once.
    """
    from django_tandem.queue import lock_holders

    found = lock_holders.listed()
    if as_json:
        facts = [
            {"name": one.name, "holder": _as_json(one.holder), "waiting": [_as_json(who) for who in one.waiting]}
            for one in found
        ]
        click.echo(json.dumps(facts))
        return
    if not found:
        click.echo("no lock is held")
        return
    table = Table("lock", "", "role", "host", "process", "since", box=box.SIMPLE_HEAD, pad_edge=False)
    for one in found:
        for what, who in [("held", one.holder), *(("waits", who) for who in one.waiting)]:
            if who is not None:
                since = f"{who.since.astimezone():%m-%d %H:%M:%S}"
                table.add_row(escape(one.name), what, escape(who.role), escape(who.host), str(who.process), since)
    Console(highlight=False, width=max(Console().width, WIDE)).print(table)


def _as_json(who: Holder | None) -> dict[str, Any] | None:
    return None if who is None else {**who._asdict(), "since": who.since.isoformat()}
