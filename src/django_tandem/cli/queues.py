"""`tandem queues`: what waits in each, and whether it is paused."""

from __future__ import annotations

import json

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from django_tandem.cli.control import pausing
from django_tandem.cli.project import json_option, with_queue


@click.group()
def queues() -> None:
    """Look at queues, pause one."""


for command in pausing("queue"):
    queues.add_command(command)


@queues.command("list")
@json_option
@with_queue
def list_queues(as_json: bool) -> None:
    """List the queues that have unfinished jobs or are paused, and the tasks that are."""
    from django_tandem.queue import control, counts
    from django_tandem.queue.connect import connect
    from django_tandem.queue.options import queue_database

    with connect(queue_database(), purpose="command") as connection:
        found = {one.name: one for one in counts.queues(connection)}
    pauses = control.paused()
    for pause in pauses:
        if pause.kind == "queue":
            found.setdefault(pause.name, counts.QueueCount(pause.name, 0, 0, 0, 0, None))
    paused = {pause.name: pause.by for pause in pauses if pause.kind == "queue"}
    tasks = {pause.name: pause.by for pause in pauses if pause.kind == "task"}
    if as_json:
        facts = [{**one._asdict(), "paused_by": paused.get(name)} for name, one in sorted(found.items())]
        click.echo(json.dumps({"queues": facts, "paused_tasks": tasks}))
        return
    console = Console(highlight=False)
    if found:
        table = Table("queue", "ready", "scheduled", "running", "paused jobs", "", box=box.SIMPLE_HEAD)
        for name, one in sorted(found.items()):
            state = f"[yellow]paused by {escape(paused[name])}[/]" if name in paused else ""
            numbers = (one.ready, one.scheduled, one.running, one.paused)
            table.add_row(escape(name), *(f"{number:,}" for number in numbers), state)
        console.print(table)
    else:
        console.print("no unfinished jobs")
    for name, by in tasks.items():
        console.print(f"task {escape(name)} is [yellow]paused by {escape(by)}[/]")
