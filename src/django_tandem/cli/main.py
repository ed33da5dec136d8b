"""`tandem`: parse, call one function, print. Each noun and each daily verb has a file of its own."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping

import click

from django_tandem.errors import TandemError

# Loaded when asked for: `tandem --help` and a mistyped word must not wait for Django.
COMMANDS: Mapping[str, str] = {
    "alarms": "django_tandem.cli.alarms:alarms",
    "approve": "django_tandem.cli.approve:approve",
    "audit": "django_tandem.cli.audit:audit",
    "check": "django_tandem.cli.check:check",
    "config": "django_tandem.cli.config:config",
    "locks": "django_tandem.cli.locks:locks",
    "manage": "django_tandem.cli.manage:manage",
    "pipeline": "django_tandem.cli.pipeline:pipeline",
    "queues": "django_tandem.cli.queues:queues",
    "reject": "django_tandem.cli.approve:reject",
    "release": "django_tandem.cli.release:release",
    "rollback": "django_tandem.cli.ship:rollback",
    "schedules": "django_tandem.cli.schedules:schedules",
    "serve": "django_tandem.cli.serve:serve",
    "servers": "django_tandem.cli.servers:servers",
    "ship": "django_tandem.cli.ship:ship",
    "status": "django_tandem.cli.status:status",
    "tasks": "django_tandem.cli.tasks:tasks",
    "top": "django_tandem.cli.top:top",
    "up": "django_tandem.cli.up:up",
}


class LazyGroup(click.Group):
    """A group whose commands are imported by name when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="django-tandem", prog_name="tandem")
def tandem() -> None:
    """Run one Django codebase as two servers: a Back Office for people, an Async Server for tasks."""


def main() -> None:
    """Entry point of `tandem`. Exit codes: 0 done, 1 failed, 2 wrong command or configuration, 3 refused."""
    try:
        tandem.main(prog_name="tandem")
    except TandemError as error:
        for line in str(error).splitlines():
            click.echo(f"tandem: {line}", err=True)
        sys.exit(error.exit_code)
