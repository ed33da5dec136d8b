"""What commands share: the project that they are about, and their common options."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

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
