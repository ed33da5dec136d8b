"""What commands do to jobs, queues and tasks: cancel, retry, pause, resume."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from django_tandem.cli.audited import audited, signature
from django_tandem.cli.project import json_option, with_queue
from django_tandem.errors import Refused

if TYPE_CHECKING:
    from django_tandem.queue.control import Jobs


def _filters(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--yes", is_flag=True, help="Do not ask."),
        click.option("--all", "every", is_flag=True, help="Every job."),
        click.option("--task", help="Those of this task, by its dotted path."),
        click.option("--queue", help="Those of this queue."),
        click.argument("ids", nargs=-1, type=int, metavar="[JOB]..."),
    ):
        command = option(command)
    return command


@click.command()
@_filters
@json_option
@with_queue
@audited("cancel jobs")
def cancel(ids: tuple[int, ...], queue: str | None, task: str | None, every: bool, yes: bool, as_json: bool) -> None:
    """End unfinished jobs: those that wait at once, those that run by an interruption."""
    from django_tandem.queue import control

    jobs = _meant(ids, queue, task, every)
    _confirm(jobs, control.count(jobs).unfinished, "Cancel", yes=yes)
    ended, asked = control.cancel(jobs, by=signature())
    if as_json:
        click.echo(json.dumps({"ended": ended, "asked": asked}))
        return
    click.echo(f"ended {_number(ended)}" + (f"; {_number(asked)} that run are being interrupted" if asked else ""))


@click.command()
@_filters
@click.option("--error", help="Those that ended with this exception, by its dotted path.")
@json_option
@with_queue
@audited("retry jobs")
def retry(
    ids: tuple[int, ...], queue: str | None, task: str | None, every: bool, yes: bool, error: str | None, as_json: bool
) -> None:
    """Make failed jobs ready again, as themselves: what happened before is kept."""
    from django_tandem.queue import control

    jobs = _meant(ids, queue, task, every, error)
    _confirm(jobs, control.count(jobs).failed, "Retry", yes=yes)
    retried = control.retry(jobs)
    if as_json:
        click.echo(json.dumps({"retried": retried.ready, "skipped": retried.skipped}))
        return
    said = f"{_number(retried.ready)} ready again"
    if retried.skipped:
        said += f"; {retried.skipped:,} not retried: another job with the same key is unfinished"
    click.echo(said)


def pausing(kind: Any) -> tuple[click.Command, click.Command]:
    """The commands `pause` and `resume` for a kind: queue or task."""

    @click.command(help=f"Begin no more jobs of a {kind}. What runs goes on.")
    @click.argument("name", metavar=kind.upper())
    @json_option
    @with_queue
    @audited(f"pause {kind}")
    def pause(name: str, as_json: bool) -> None:
        from django_tandem.queue import control

        known = is_known(kind, name)
        is_new = control.pause(kind, name, by=signature())
        _say(kind, name, "paused", "is paused already", is_new=is_new, as_json=as_json, known=known)

    @click.command(help=f"Begin jobs of a paused {kind} again.")
    @click.argument("name", metavar=kind.upper())
    @json_option
    @with_queue
    @audited(f"resume {kind}")
    def resume(name: str, as_json: bool) -> None:
        from django_tandem.queue import control

        was_paused = control.resume(kind, name)
        _say(kind, name, "resumed", "is not paused", is_new=was_paused, as_json=as_json)

    return pause, resume


def is_known(kind: Any, name: str) -> bool:
    """Whether there is such a queue or task, for all that can be known here; a warning where not."""
    from django_tandem.queue import control

    known = control.is_known(kind, name)
    if not known:
        click.echo(f"tandem: warning: no {kind} {name} is in the code here, and no unfinished job has it", err=True)
    return known


def _say(kind: str, name: str, done: str, already: str, *, is_new: bool, as_json: bool, **more: object) -> None:
    if as_json:
        click.echo(json.dumps({kind: name, "changed": is_new, **more}))
    else:
        click.echo(f"{done} {kind} {name}" if is_new else f"{kind} {name} {already}")


def _meant(ids: tuple[int, ...], queue: str | None, task: str | None, every: bool, error: str | None = None) -> Jobs:
    from django_tandem.queue.control import Jobs

    filtered = any((ids, queue, task, error))
    if filtered == every:
        raise click.UsageError("say which jobs: their ids, --queue, --task, or --all for every one")
    return Jobs(ids=list(ids) or None, queue=queue, task=task, error=error, every=every)


def _confirm(jobs: Jobs, found: int, what: str, *, yes: bool) -> None:
    """Ids were said one by one; whoever names a filter is asked."""
    if yes or not found or (jobs.ids and not (jobs.queue or jobs.task or jobs.error)):
        return
    if not sys.stdin.isatty():
        raise Refused(f"this would {what.lower()} {_number(found)}: say --yes where nobody can be asked")
    click.confirm(f"{what} {_number(found)}?", abort=True)


def _number(jobs: int) -> str:
    return f"{jobs:,} job" + ("" if jobs == 1 else "s")
