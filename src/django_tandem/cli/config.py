"""`tandem config`: what a role has, what differs between roles, and the digests."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from django_tandem.cli.project import config_option, json_option
from django_tandem.config import drift, overlay_rules
from django_tandem.config.read import check_role, read
from django_tandem.config.schema import AsyncServer, Tandem
from django_tandem.errors import ConfigurationError


@click.group()
def config() -> None:
    """Show what roles have, and what differs between them."""


@config.command()
@click.argument("role")
@click.option("--all", "everything", is_flag=True, help="Every effective setting, not only what the role declares.")
@config_option
@json_option
def show(role: str, everything: bool, config_path: Path | None, as_json: bool) -> None:
    """Show what ROLE has: what tandem.toml declares, and its effective settings. Secrets are masked."""
    tandem = read(config_path)
    check_role(tandem, role)
    found = drift.effective(tandem, role)
    declared = _declared(tandem, role)
    changed = {key: _at(found.settings, key) for key in tandem.file.roles[role].settings}
    if as_json:
        facts = {"declared": declared, "environment": found.environment, "settings": found.settings}
        click.echo(json.dumps({"role": role, "release": tandem.release, "digest": found.digest, **facts}))
        return
    console = Console(highlight=False)
    console.print(f"[bold]{role}[/]  release {tandem.release}  {found.digest}")
    _print(console, "declared", declared)
    _print(console, "environment", found.environment)
    _print(console, "changed settings", changed)
    if everything:
        _print(console, "effective settings", found.settings)


@config.command()
@click.argument("roles", nargs=-1)
@config_option
@json_option
def diff(roles: tuple[str, ...], config_path: Path | None, as_json: bool) -> None:
    """Show in what two ROLES differ (all pairs where none are named). Exit code 1: in what they must share."""
    tandem = read(config_path)
    if roles and (len(roles) != 2 or roles[0] == roles[1]):
        raise click.UsageError("name two different roles, or none for all")
    for role in roles:
        check_role(tandem, role)
    known = {one.role: one for one in drift.effective_of(tandem, roles or tandem.file.roles)}
    pairs = list(itertools.combinations(known, 2))
    found = {pair: drift.differences(known[pair[0]], known[pair[1]], tandem.file) for pair in pairs}
    if as_json:
        click.echo(
            json.dumps([{"roles": pair, **one._asdict()} for pair, differences in found.items() for one in differences])
        )
    else:
        for pair, differences in found.items():
            _print_differences(pair, differences)
    beyond = [one.key for differences in found.values() for one in differences if not one.permitted]
    if beyond:
        raise click.exceptions.Exit(1)


@config.command()
@config_option
@json_option
def digest(config_path: Path | None, as_json: bool) -> None:
    """Print the digest of each role's effective settings: equal digests, equal settings."""
    tandem = read(config_path)
    digests = {one.role: one.digest for one in drift.effective_of(tandem, tandem.file.roles)}
    if as_json:
        click.echo(json.dumps(digests))
    else:
        for role, value in digests.items():
            click.echo(f"{role:12} {value}")


def _declared(tandem: Tandem, role: str) -> dict[str, Any]:
    declared = tandem.file.roles[role]
    fields = declared.model_dump(mode="json", exclude={"environment", "settings"})
    if isinstance(declared, AsyncServer):
        fields["queues"] = tandem.queues_of(declared)  # none named means all
    return {name: value for name, value in fields.items() if value is not None}


def _at(settings: dict[str, Any], key: str) -> Any:
    value: Any = settings
    for name in overlay_rules.words(key):
        if not isinstance(value, dict):
            break  # masked as a whole
        if name not in value:
            raise ConfigurationError([f"{key}: not among the effective settings"])
        value = value[name]
    return value


def _print(console: Console, title: str, values: dict[str, Any]) -> None:
    if not values:
        return
    console.print(f"\n[dim]{title}[/]")
    table = Table.grid(padding=(0, 2))
    for key, value in values.items():
        table.add_row(f"  {escape(str(key))}", escape(_text(value)))
    console.print(table)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _print_differences(pair: tuple[str, str], differences: list[drift.Difference]) -> None:
    console = Console(highlight=False)
    if not differences:
        console.print(f"{pair[0]} and {pair[1]} have the same settings")
        return
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("key", no_wrap=True)  # one that is cut, or broken in two, cannot be looked for
    for role in pair:
        table.add_column(role, overflow="fold")
    table.add_column("", no_wrap=True)
    for one in differences:
        verdict = "[green]overlay[/]" if one.permitted else "[red]must be shared[/]"
        table.add_row(escape(one.key), escape(_text(one.left)), escape(_text(one.right)), verdict)
    console.print(table)
