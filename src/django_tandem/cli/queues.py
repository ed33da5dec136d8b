"""`tandem queues`: what waits in each, and whether it is paused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from django_tandem.cli.audited import audited, signature
from django_tandem.cli.control import is_known, pausing
from django_tandem.cli.project import json_option, with_queue
from django_tandem.errors import NotDrained

if TYPE_CHECKING:
    from django_tandem.queue.control import Drained

# How many jobs a message names.
NAMED = 10


@click.group()
def queues() -> None:
    """Look at queues, pause one, drain one."""


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


@queues.command()
@click.argument("name", metavar="QUEUE")
@click.option("--wait", type=click.FloatRange(min=0), metavar="SECONDS", help="No longer than this; 0 only looks.")
@json_option
@with_queue
@audited("drain queue")
def drain(name: str, wait: float | None, as_json: bool) -> None:
    """Pause QUEUE, and wait until none of its jobs runs. What waits stays."""
    from django_tandem.queue import control

    is_known("queue", name)
    with _progress(name, quiet=as_json) as show:
        stands = control.drain(name, by=signature(), wait=wait, on_look=show)
    if as_json:
        running = [job._asdict() for job in stands.running]
        facts = {"queue": name, "changed": stands.is_new, "drained": stands.is_empty, "running": running}
        click.echo(json.dumps(facts))
    if not stands.is_paused:
        raise NotDrained(f"queue {name} was resumed meanwhile: {_jobs(stands)}")
    if not stands.is_empty:
        names = ", ".join(f"{job.id} ({job.task})" for job in stands.running[:NAMED])
        more = f" and {len(stands.running) - NAMED:,} more" if len(stands.running) > NAMED else ""
        raise NotDrained(f"queue {name} stays paused, and {_jobs(stands)}" + (f": {names}{more}" if names else ""))
    if not as_json:
        click.echo(f"drained queue {name}: none of its jobs runs; tandem queues resume {name} lets them begin again")


@contextmanager
def _progress(name: str, *, quiet: bool) -> Iterator[Callable[[Drained], None]]:
    """Shows how a drain stands: on a terminal in one line that changes, else in a line for each change."""
    console, said = Console(highlight=False, quiet=quiet), [""]
    with console.status(f"pausing queue {escape(name)}") as line:

        def show(stands: Drained) -> None:
            text = f"queue {name} is paused: {_jobs(stands)}"
            if text != said[0]:
                said[0] = text
                if console.is_terminal:
                    line.update(escape(text))
                elif not stands.is_empty:
                    console.print(escape(text), soft_wrap=True)

        yield show


def _jobs(stands: Drained) -> str:
    jobs = len(stands.running)
    if not jobs and not stands.is_empty:
        return "a worker may be about to begin one of its jobs"
    return f"{jobs:,} job{' still runs' if jobs == 1 else 's still run'}"
