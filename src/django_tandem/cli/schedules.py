"""`tandem schedules`: what recurs, when, and whether it did."""

from __future__ import annotations

import json
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from django_tandem.cli.audited import audited, signature
from django_tandem.cli.project import json_option, with_queue

WIDE = 140


@click.group()
def schedules() -> None:
    """Look at recurring tasks, run one now, pause one."""


@schedules.command("list")
@json_option
@with_queue
def list_schedules(as_json: bool) -> None:
    """List the schedules of the active release: in words, last and next time."""
    from django_tandem.queue import firing

    found = firing.listed()
    if as_json:
        click.echo(json.dumps([{**one._asdict(), "words": _words(one), **_times(one)} for one in found]))
        return
    if not found:
        click.echo("no schedules: put @cron above a task, in a module called tasks")
        return
    table = Table("schedule", "when", "zone", "last", "next", box=box.SIMPLE_HEAD, pad_edge=False)
    for one in found:
        last = "" if one.fired_at is None else f"{one.fired_at.astimezone():%m-%d %H:%M:%S}"
        last = f"[red]{last} failed[/]" if one.error else last
        after = "never" if one.next_at is None else f"{one.next_at.astimezone():%m-%d %H:%M:%S}"
        after = f"[yellow]paused by {escape(one.paused_by)}[/]" if one.paused_by else after
        table.add_row(escape(one.name), escape(_words(one)), escape(one.zone), last, after)
    console = Console(highlight=False, width=max(Console().width, WIDE))
    console.print(table)
    for one in found:
        if one.error:
            console.print(f"[red]{escape(one.name)}[/]: {escape(one.error)}")


@schedules.command()
@click.argument("name", metavar="SCHEDULE")
@json_option
@with_queue
@audited("run schedule")
def run(name: str, as_json: bool) -> None:
    """Enqueue the task of SCHEDULE now, beside its times."""
    from django_tandem.queue import firing

    result = firing.run_now(name)
    click.echo(json.dumps({"id": int(result.id)}) if as_json else f"enqueued job {result.id}")


@schedules.command()
@click.argument("name", metavar="SCHEDULE")
@json_option
@with_queue
@audited("pause schedule")
def pause(name: str, as_json: bool) -> None:
    """Let SCHEDULE not fire."""
    from django_tandem.queue import firing

    changed = firing.pause(name, by=signature())
    _say(name, "paused", "is paused already", changed=changed, as_json=as_json)


@schedules.command()
@click.argument("name", metavar="SCHEDULE")
@json_option
@with_queue
@audited("resume schedule")
def resume(name: str, as_json: bool) -> None:
    """Let SCHEDULE fire again, from its next time on."""
    from django_tandem.queue import firing

    changed = firing.resume(name)
    _say(name, "resumed", "is not paused", changed=changed, as_json=as_json)


def _say(name: str, done: str, already: str, *, changed: bool, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"schedule": name, "changed": changed}))
    else:
        click.echo(f"{done} schedule {name}" if changed else f"schedule {name} {already}")


def _words(row: Any) -> str:
    from cronsim import CronSim
    from django.utils import timezone

    return str(CronSim(row.expression, timezone.now()).explain())


def _times(row: Any) -> dict[str, str | None]:
    return {name: value and value.isoformat() for name in ("next_at", "fired_at") for value in [getattr(row, name)]}
