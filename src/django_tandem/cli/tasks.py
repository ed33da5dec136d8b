"""`tandem tasks`: look at jobs, enqueue one; what else is done to them is in cli.control."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from django_tandem.cli.control import cancel, pausing, retry
from django_tandem.cli.project import json_option, with_queue
from django_tandem.cli.reencrypt import reencrypt
from django_tandem.errors import InvalidJob, JobNotFound

# What `list` needs for all columns.
WIDE = 160

STATES = ("scheduled", "ready", "limited", "paused", "running", "successful", "failed")
STYLES = {
    "scheduled": "dim",
    "limited": "dim",
    "paused": "magenta",
    "ready": "yellow",
    "running": "cyan",
    "successful": "green",
    "failed": "red",
}


@click.group()
def tasks() -> None:
    """Look at jobs, enqueue one, end or retry them, pause a task."""


for command in (cancel, retry, reencrypt, *pausing("task")):
    tasks.add_command(command)


@tasks.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only jobs in this state.")
@click.option("--queue", help="Only jobs of this queue.")
@click.option("--task", help="Only jobs of this task, by its dotted path.")
@click.option("--limit", default=30, show_default=True, type=click.IntRange(1, 10_000), help="How many, newest first.")
@json_option
@with_queue
def list_jobs(state: str | None, queue: str | None, task: str | None, limit: int, as_json: bool) -> None:
    """List jobs, newest first: waiting, running and finished."""
    from django_tandem.queue import options, results
    from django_tandem.queue.states import State

    wanted = None if state is None else State[state.upper()]
    rows = results.newest(options.queue_database(), limit, state=wanted, queue=queue, task=task)
    if as_json:
        click.echo(json.dumps([_as_json(row, reveal=False) for row in rows]))
        return
    if not rows:
        click.echo("no jobs" if state is None else f"no {state} jobs")
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for title in ("id", "state", "queue", "priority", "enqueued", "took", "task"):
        table.add_column(title, no_wrap=True, justify="right" if title in ("id", "priority", "took") else "left")
    for row in rows:
        name = row.state.name.lower()
        again = f" ×{row.attempt}" if row.attempt > 1 else ""
        table.add_row(
            str(row.id), f"[{STYLES[name]}]{name}{again}[/]", escape(row.queue), str(row.priority),
            _clock(row.enqueued_at), _took(row), escape(row.task),
        )  # fmt: skip
    # A path that is cut cannot be looked for: the terminal wraps what is too long.
    Console(width=max(Console().width, WIDE)).print(table)


@tasks.command()
@click.argument("job", type=int)
@click.option("--reveal", is_flag=True, help="Show arguments, results and errors of encrypted jobs.")
@json_option
@with_queue
def show(job: int, reveal: bool, as_json: bool) -> None:
    """Show all that is known of JOB: arguments, attempts, errors, result."""
    from django_tandem.queue import options, results

    row = results.read(options.queue_database(), job)
    if row is None:
        raise JobNotFound(f"there is no job {job}: `tandem tasks list` shows the newest")
    if as_json:
        click.echo(json.dumps(_as_json(row, reveal=reveal)))
        return
    console = Console(highlight=False)
    name = row.state.name.lower()
    console.print(f"[bold]job {row.id}[/]  {escape(row.task)}  [{STYLES[name]}]{name}[/]")
    facts = Table.grid(padding=(0, 2))
    for label, value in (
        ("queue", row.queue),
        ("priority", row.priority),
        ("arguments", _call(row, reveal=reveal)),
        ("enqueued", row.enqueued_at),
        ("runs after", row.run_after),
        ("started", row.started_at),
        ("finished", row.finished_at),
        ("took", _took(row) or None),
        ("attempts", ", ".join(results.workers_of(row)) or None),
        ("returned", _returned(row, reveal=reveal)),
    ):
        if value is not None:
            facts.add_row(f"[dim]{label}[/]", escape(str(value)))
    console.print(facts)
    for number, (kind, traceback) in enumerate(_errors(row, reveal=reveal), 1):
        console.print(f"\n[red]attempt {number}: {escape(kind)}[/]")
        console.print(escape(traceback.rstrip()))


@tasks.command()
@click.argument("task")
@click.option("--args", "args_text", default="[]", metavar="JSON", help="Positional arguments, a JSON list.")
@click.option("--kwargs", "kwargs_text", default="{}", metavar="JSON", help="Arguments by name, a JSON object.")
@click.option("--priority", type=click.IntRange(-100, 100), help="Instead of the task's own.")
@click.option("--queue", help="Instead of the task's own.")
@click.option("--run-after", metavar="TIME", help="Not before this time, ISO 8601 with a time zone.")
@json_option
@with_queue
def enqueue(
    task: str,
    args_text: str,
    kwargs_text: str,
    priority: int | None,
    queue: str | None,
    run_after: str | None,
    as_json: bool,
) -> None:
    """Enqueue one job of TASK, a dotted path such as loans.tasks.score."""
    from django_tandem.queue.tasks_api import InvalidTask

    found = _task(task)
    queues = found.get_backend().queues
    if queue is not None and queues and queue not in queues:
        raise InvalidJob(f"--queue: {queue} is not declared, expected one of {', '.join(sorted(queues))}")
    args, kwargs = _json("--args", args_text, list), _json("--kwargs", kwargs_text, dict)
    try:
        chosen = found.using(priority=priority, queue_name=queue, run_after=_time(run_after))
        result = chosen.enqueue(*args, **kwargs)
    except InvalidTask as error:
        raise InvalidJob(f"TASK: {task}: {error}") from None
    if as_json:
        click.echo(json.dumps({"id": _number(result.id), "task": task, "status": result.status.value}))
    else:
        click.echo(f"enqueued {task} as job {result.id}, priority {chosen.priority}, queue {chosen.queue_name}")


def _task(path: str) -> Any:
    from django_tandem.queue import results

    if "." not in path:
        raise InvalidJob(f"TASK: {path}, expected a dotted path such as loans.tasks.score")
    try:
        return results.find_task(path)
    except ImportError as error:
        cause = " ".join(str(error).split())
        raise InvalidJob(f"TASK: {cause if cause.startswith(path) else f'{path}: {cause}'}") from None


def _number(result_id: str) -> int | str:
    """As `list` and `show` have it; another backend of the project may name its results otherwise."""
    return int(result_id) if result_id.isdecimal() else result_id


def _json(option: str, text: str, kind: type) -> Any:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InvalidJob(f"{option}: {text}, not JSON: {error}") from None
    if not isinstance(value, kind):
        raise InvalidJob(f"{option}: {text}, expected a JSON {'list' if kind is list else 'object'}")
    return value


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        # Before Python 3.11 fromisoformat does not read the "Z" that ISO 8601 writes for UTC.
        time = datetime.fromisoformat(text.removesuffix("Z") + "+00:00" if text.endswith("Z") else text)
    except ValueError:
        time = None
    if time is None or time.utcoffset() is None:
        raise InvalidJob(f"--run-after: {text}, expected a time with its zone, such as 2027-01-31T06:00:00+01:00")
    return time


def _as_json(row: Any, *, reveal: bool) -> dict[str, Any]:
    from django_tandem.queue import at_rest, results

    args, kwargs = _arguments(row, reveal=reveal)
    return {
        "id": row.id,
        "task": row.task,
        "queue": row.queue,
        "priority": row.priority,
        "state": row.state.name.lower(),
        "attempt": row.attempt,
        "args": args,
        "kwargs": kwargs,
        **{
            name: value and value.isoformat()
            for name in ("enqueued_at", "run_after", "started_at", "last_attempted_at", "finished_at")
            for value in [getattr(row, name)]
        },
        "workers": results.workers_of(row),
        "errors": [{"class": kind, "traceback": text} for kind, text in _errors(row, reveal=reveal)],
        "return_value": at_rest.veil(row.return_value, reveal=reveal) or results.return_value_of(row),
    }


def _arguments(row: Any, *, reveal: bool) -> tuple[list[Any], dict[str, Any]]:
    from django_tandem.queue import at_rest, results

    veil = at_rest.veil(row.arguments, reveal=reveal)
    return ([veil], {}) if veil else results.arguments_of(row)


def _returned(row: Any, *, reveal: bool) -> str | None:
    from django_tandem.queue import at_rest

    stored: str | None = row.return_value
    return at_rest.veil(stored, reveal=reveal) or (stored and at_rest.opened(stored))


def _errors(row: Any, *, reveal: bool) -> list[tuple[str, str]]:
    """Of each attempt the exception's class, and its traceback."""
    from django_tandem.queue import at_rest, results

    stored = [past["error"]["text"] for past in row.past_attempts]
    return [
        (error.exception_class_path, at_rest.veil(text, reveal=reveal) or error.traceback)
        for error, text in zip(results.errors_of(row), stored, strict=True)
    ]


def _call(row: Any, *, reveal: bool) -> str:
    from django_tandem.queue import at_rest

    if veil := at_rest.veil(row.arguments, reveal=reveal):
        return veil
    args, kwargs = _arguments(row, reveal=reveal)
    words = [json.dumps(value) for value in args] + [f"{name}={json.dumps(value)}" for name, value in kwargs.items()]
    return f"({', '.join(words)})"


def _clock(time: datetime) -> str:
    here = time.astimezone()
    today = here.date() == datetime.now(here.tzinfo).date()
    return f"{here:%H:%M:%S}" if today else f"{here:%m-%d %H:%M}"


def _took(row: Any) -> str:
    if row.finished_at is None or row.last_attempted_at is None:
        return ""
    seconds = (row.finished_at - row.last_attempted_at).total_seconds()
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
