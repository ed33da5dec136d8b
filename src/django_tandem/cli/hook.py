"""`tandem pipeline hook`: what wakes `tandem pipeline watch` when somebody pushes or commits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from django_tandem.cli.project import config_option, json_option

if TYPE_CHECKING:
    from django_tandem.pipeline.hook import Hook

repository_argument = click.argument("repository", required=False, type=click.Path(path_type=Path))


@click.group()
def hook() -> None:
    """Have a repository wake `tandem pipeline watch` of this project."""


@hook.command()
@repository_argument
@json_option
@config_option
def install(repository: Path | None, as_json: bool, config_path: Path | None) -> None:
    """Write the hook into REPOSITORY (by default the project's own).

    It is post-receive where that is bare, else reference-transaction. A hook that is not Tandem's stays as it is: then
    this says what line to add to it, with exit code 3.
    """
    from django_tandem.pipeline import hook as hooks

    done = hooks.install(*_places(repository, config_path))
    _say(done, f"{done.path} wakes tandem pipeline watch" + ("" if done.is_new else " already"), as_json=as_json)


@hook.command()
@repository_argument
@json_option
@config_option
def remove(repository: Path | None, as_json: bool, config_path: Path | None) -> None:
    """Remove the hook from REPOSITORY (by default the project's own). One that does more stays as it is."""
    from django_tandem.pipeline import hook as hooks

    done = hooks.remove(*_places(repository, config_path))
    _say(done, f"removed {done.path}" if done.is_new else f"{done.path} does not wake tandem", as_json=as_json)


def _places(repository: Path | None, config_path: Path | None) -> tuple[Path, Path]:
    from django_tandem.config.read import read
    from django_tandem.release.hosts.places import Places

    root = read(config_path).root
    return repository or root, Places(root / ".tandem").wake


def _say(done: Hook, text: str, *, as_json: bool) -> None:
    click.echo(json.dumps({"path": str(done.path), "changed": done.is_new}) if as_json else text)
