"""`tandem check`: every problem of the configuration, each with what to do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from django_tandem.cli.project import config_option, json_option

if TYPE_CHECKING:
    from django.core.checks import CheckMessage


COLOURS = {"ERROR": "red", "WARNING": "yellow", "INFO": "cyan", "CRITICAL": "red"}


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
    from django_tandem.release.lint import drifted, plain, unowned_schedules

    tandem = read(config_path)
    roles = drift.effective_of(tandem, tandem.file.roles)
    boot(tandem, None)
    unusable = [message for message in check_database([tandem.alias]) if message.id == UNUSABLE]
    # Without a database to ask, Django's own checks of models raise instead of telling.
    found = unusable + list(checks.run_checks(databases=None if unusable else [tandem.alias]))
    found += [*unowned_schedules(tandem), *drifted(tandem, roles)]
    errors = [message for message in found if message.level >= checks.ERROR and not message.is_silenced()]
    if as_json:
        click.echo(json.dumps([plain(one) for one in found if not one.is_silenced()]))
    else:
        _print(found, errors=len(errors))
    if errors:
        raise click.exceptions.Exit(1)


def _print(found: Sequence[CheckMessage], errors: int) -> None:
    from django_tandem.release.lint import LEVELS

    console = Console(highlight=False)
    shown = [message for message in found if not message.is_silenced()]
    table = Table.grid(padding=(0, 2))
    for message in sorted(shown, key=lambda one: (-one.level, one.id or "")):
        level = LEVELS[message.level]
        colour = COLOURS.get(level, "dim")
        table.add_row(f"[{colour}]{level.lower()}[/]", f"[bold]{message.id}[/]", escape(str(message.msg)))
        if message.hint:
            table.add_row("", "", f"[dim]{escape(str(message.hint))}[/]")
    if shown:
        console.print(table)
        console.print(f"\n{errors or 'no'} {'error' if errors == 1 else 'errors'}")
    else:
        console.print("no problems")
