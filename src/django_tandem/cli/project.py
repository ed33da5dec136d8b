"""What commands share: the project that they are about, and their common options."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from django_tandem.errors import DatabaseUnreachable

Command = TypeVar("Command", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
config_option = click.option(
    "--config", "config_path", type=click.Path(path_type=Path), envvar="TANDEM_CONFIG", help="Path of tandem.toml."
)


def with_project(command: Command) -> Command:
    """Give `command` the option --config, and load the project's Django before it runs."""

    @config_option
    @functools.wraps(command)
    def loaded(*args: Any, config_path: Path | None, **kwargs: Any) -> Any:
        from django_tandem.config.boot import boot
        from django_tandem.config.read import read

        boot(read(config_path), os.environ.get("TANDEM_ROLE"))
        return command(*args, **kwargs)

    return loaded  # type: ignore[return-value]


def with_queue(command: Command) -> Command:
    """As with_project, for commands that need the queue's tables. Raises DatabaseUnreachable, NotMigrated at once."""

    @functools.wraps(command)
    def ready(*args: Any, **kwargs: Any) -> Any:
        from django.db import OperationalError

        from django_tandem.queue import fence
        from django_tandem.queue.connect import address, connect
        from django_tandem.queue.options import queue_database

        with connect(queue_database(), purpose="command") as connection:
            fence.read(connection)
        try:
            return command(*args, **kwargs)
        except OperationalError as error:
            cause = " ".join(str(error).split())
            raise DatabaseUnreachable(f"the database {address(queue_database())} failed: {cause}") from error

    return with_project(ready)  # type: ignore[return-value]
