"""`tandem manage`: the project's own management commands, with the settings that its servers have."""

from __future__ import annotations

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

    execute_from_command_line(["tandem manage", *words])
