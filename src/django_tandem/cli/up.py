"""`tandem up`: all roles on this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from django_tandem.cli.project import config_option


@click.command()
@click.option("--activate", is_flag=True, help="Move the fence to this release, when it names another.")
@config_option
def up(activate: bool, config_path: Path | None) -> None:
    """Run all roles of tandem.toml on this machine, with one log, until Ctrl-C.

    Where no database is configured, an embedded PostgreSQL keeps its data in .tandem/postgres.
    """
    from django_tandem.config.read import read
    from django_tandem.serve.up.run import run

    sys.exit(run(read(config_path), activate=activate))
