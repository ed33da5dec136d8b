"""`tandem check`: every problem of the configuration, each with what to do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from django_tandem.cli.project import config_option, json_option

if TYPE_CHECKING:
    from django.core.checks import CheckMessage

    from django_tandem.config.schema import Tandem

LEVELS = {"ERROR": "red", "WARNING": "yellow", "INFO": "cyan", "CRITICAL": "red"}


@click.command()
@config_option
@json_option
def check(config_path: Path | None, as_json: bool) -> None:
    """Check tandem.toml, the settings of all roles and the database. Exit code 1: there are errors."""
    from django.core import checks

    from django_tandem.config import drift
    from django_tandem.config.boot import boot
    from django_tandem.config.check import UNUSABLE, check_database
    from django_tandem.config.read import read

    tandem = read(config_path)
    boot(tandem, None)
    roles = drift.effective_of(tandem, tandem.file.roles)
    unusable = [message for message in check_database([tandem.alias]) if message.id == UNUSABLE]
    # Without a database to ask, Django's own checks of models raise instead of telling.
    found = unusable + list(checks.run_checks(databases=None if unusable else [tandem.alias]))
    found += _schedules(tandem)
    for left, right in combinations(roles, 2):
        found += [
            checks.Error(
                f"{one.key} differs between {left.role} and {right.role}, and is to be shared.",
                hint=f"Make it the same, or add {one.key!r} to overlay.allow.",
                id="tandem.E001",
            )
            for one in drift.differences(left, right, tandem.file)
            if not one.permitted
        ]
    errors = [message for message in found if message.level >= checks.ERROR and not message.is_silenced()]
    if as_json:
        click.echo(
            json.dumps(
                [
                    {"id": one.id, "level": _level(one.level), "message": str(one.msg), "hint": one.hint}
                    for one in found
                    if not one.is_silenced()
                ]
            )
        )
    else:
        _print(found, errors=len(errors))
    if errors:
        raise click.exceptions.Exit(1)


def _schedules(tandem: Tandem) -> list[CheckMessage]:
    """Every recurring task goes to a queue that a role consumes."""
    from django.core.checks import Error

    from django_tandem.config.schema import AsyncServer
    from django_tandem.queue import firing

    try:
        found = firing.discover()
    except Exception as error:  # noqa: BLE001 - the project's own modules
        cause = " ".join(f"{type(error).__name__}: {error}".split())
        return [
            Error(
                f"A module of tasks does not import, so nothing recurs: {cause}",
                hint="Mend that module: schedules are found in the modules called tasks of all apps.",
                id="tandem.E010",
            )
        ]
    roles = [role for role in tandem.file.roles.values() if isinstance(role, AsyncServer)]
    consumed = {queue for role in roles for queue in tandem.queues_of(role)}
    return [
        Error(
            f"schedule {name}: no role consumes the queue {schedule.task.queue_name!r} of its task: it has no owner.",
            hint=f"Add {schedule.task.queue_name!r} to the queues of a role of kind async, or give the task another.",
            id="tandem.E009",
        )
        for name, schedule in found.items()
        if schedule.task.queue_name not in consumed
    ]


def _level(number: int) -> str:
    return {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}[number]


def _print(found: Sequence[CheckMessage], errors: int) -> None:
    console = Console(highlight=False)
    shown = [message for message in found if not message.is_silenced()]
    table = Table.grid(padding=(0, 2))
    for message in sorted(shown, key=lambda one: (-one.level, one.id or "")):
        level = _level(message.level)
        colour = LEVELS.get(level, "dim")
        table.add_row(f"[{colour}]{level.lower()}[/]", f"[bold]{message.id}[/]", escape(str(message.msg)))
        if message.hint:
            table.add_row("", "", f"[dim]{escape(str(message.hint))}[/]")
    if shown:
        console.print(table)
        console.print(f"\n{errors or 'no'} {'error' if errors == 1 else 'errors'}")
    else:
        console.print("no problems")
