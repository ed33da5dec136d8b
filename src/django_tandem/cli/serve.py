"""`tandem serve ROLE`: one server, in the foreground."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from django_tandem.cli.project import config_option


@click.command()
@click.argument("role")
@config_option
def serve(role: str, config_path: Path | None) -> None:
    """Run the server ROLE until TERM or Ctrl-C; what runs is finished first. A second Ctrl-C does not wait."""
    from django_tandem.config.read import check_role, read
    from django_tandem.config.schema import BackOffice
    from django_tandem.monitor.watcher import Monitor
    from django_tandem.serve import async_server, back_office

    tandem = read(config_path)
    check_role(tandem, role)
    run = back_office.serve if isinstance(tandem.file.roles[role], BackOffice) else async_server.serve
    sys.exit(run(tandem, role, Monitor(tandem, role)))
