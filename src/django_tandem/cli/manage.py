"""`tandem manage`: the project's own management commands, with the settings that its servers have."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import click

from django_tandem.cli.project import with_project

# What stands behind COMMAND is the command's own, also where it has an option --config.
OPTIONS = {"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": []}


@click.command(context_settings=OPTIONS)
@click.argument("words", metavar="COMMAND [ARGUMENTS]", nargs=-1, type=click.UNPROCESSED)
@with_project
def manage(words: tuple[str, ...]) -> None:
    """Run a management command of the project, as manage.py does, with Tandem's apps and settings.

    $TANDEM_ROLE names the role whose settings it has; without it, what all roles share. Such as: tandem manage migrate
    """
    from django.core.management import execute_from_command_line

    with _alone() if words[:1] == ("migrate",) else nullcontext():
        execute_from_command_line(["tandem manage", *words])


def _alone() -> AbstractContextManager[None]:
    """Of several who migrate only one does at a time: one whose driver was killed may not have ended."""
    from django_tandem.queue.options import queue_database
    from django_tandem.serve.up import database

    return database.alone(queue_database())
