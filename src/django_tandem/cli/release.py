"""`tandem release`: which releases there are, and the fence for who deploys by other means."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from django_tandem.cli.audited import auditing, person, place
from django_tandem.cli.project import config_option, json_option, with_queue
from django_tandem.cli.servers import say_ended
from django_tandem.cli.timeline import clock

WIDE = 140
STYLES = {"live": "green", "before": "cyan", "removed": "dim"}

seconds = click.FloatRange(min=0, max=86_400)


def _a_name(_: click.Context, __: click.Parameter, given: str) -> str:
    if not given.strip():
        raise click.BadParameter("expected the name of a release, such as the first 12 digits of its commit")
    return given


release_argument = click.argument("name", metavar="RELEASE", callback=_a_name)


@click.group()
def release() -> None:
    """Look at releases, make one live that is deployed by other means, end an old one."""


@release.command("list")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="How many.")
@json_option
@with_queue
def list_releases(limit: int, as_json: bool) -> None:
    """List the releases that were built: live, the one before, there, removed."""
    from django_tandem.pipeline import current as standing
    from django_tandem.queue.connect import connect
    from django_tandem.queue.options import queue_database

    with connect(queue_database(), purpose="command") as connection:
        found = standing.listed(connection, limit)
    if as_json:
        click.echo(json.dumps(found))
        return
    if not found:
        click.echo("no releases")
        return
    table = Table("release", "state", "built", "live since", "proved good", "digest", box=box.SIMPLE_HEAD)
    for one in found:
        state = one["state"]
        times = [clock(one[key]) if one[key] else "" for key in ("built_at", "became_live_at", "verified_at")]
        table.add_row(
            escape(one["release"]), f"[{STYLES.get(state, 'white')}]{state}[/]", *times, (one["digest"] or "")[:12]
        )
    Console(highlight=False, width=max(Console().width, WIDE)).print(table)


@release.command()
@json_option
@with_queue
def current(as_json: bool) -> None:
    """Show the release that the fence names, since when, its active servers, and what differs."""
    from django_tandem.config.read import read
    from django_tandem.pipeline import current as standing
    from django_tandem.queue.connect import connect
    from django_tandem.queue.options import queue_database

    with connect(queue_database(), purpose="command") as connection:
        facts = standing.current(connection, read())  # with_queue has said which
    if as_json:
        click.echo(json.dumps(facts))
    else:
        _print_current(Console(highlight=False, width=max(Console().width, WIDE)), facts)


@release.command()
@release_argument
@click.option("--wait", default=0.0, type=seconds, metavar="SECONDS", help="Until its servers stand by; 0 only looks.")
@click.option(
    "--timeout", default=30.0, show_default=True, type=seconds, metavar="SECONDS",
    help="Until all know that it is live; then the fence moves back.",
)  # fmt: skip
@json_option
@config_option
def activate(name: str, wait: float, timeout: float, as_json: bool, config_path: Path | None) -> None:
    """Make RELEASE live, whoever deployed it: only if a server of every role stands by, and wholly or not at all."""
    from django_tandem.config.read import read
    from django_tandem.pipeline import ship as shipping
    from django_tandem.pipeline.activation import Patience
    from django_tandem.pipeline.ground import ground
    from django_tandem.pipeline.stages import RunState

    told: dict[str, Any] = {}
    stands = ground(read(config_path))
    caller = shipping.Caller(
        by=person(), via=place(), begun=lambda _: None, tell=lambda event: told.update(event.detail)
    )
    run = shipping.activate(stands, name, caller, Patience(wait, timeout))
    facts = {
        "run": run.id,
        "release": run.release,
        "from": told.get("from"),
        "state": run.state.value,
        "reason": run.reason,
        **{key: told.get(key) for key in ("epoch", "switch_ms", "servers")},
    }
    if as_json:
        click.echo(json.dumps(facts))
    if run.state is RunState.LIVE:
        if not as_json:
            click.echo(f"{run.release} is live: {told['switch_ms']} ms until all {len(told['servers'])} servers knew")
        return
    click.echo(f"tandem: run {run.id} ({run.release}) is {run.state.value}: {run.reason}", err=True)
    sys.exit(1)


@release.command()
@release_argument
@json_option
@config_option
def retire(name: str, as_json: bool, config_path: Path | None) -> None:
    """Let the servers of RELEASE, which is not live, finish what they run, end them, and prove that they are gone."""
    from django_tandem.config.read import read
    from django_tandem.pipeline import servers
    from django_tandem.pipeline.ground import ground

    stands = ground(read(config_path))
    with auditing("retire release", name=name):
        say_ended(servers.retire(stands, name), as_json=as_json, nothing=f"nothing of {name} runs")


def _print_current(console: Console, facts: dict[str, Any]) -> None:
    if facts["release"] is None:
        console.print(f"no release is live (epoch {facts['epoch']})")
    else:
        how = "" if facts["built"] else ", deployed by other means"
        since = clock(facts["since"])
        console.print(
            f"[bold]{escape(facts['release'])}[/] is live since {since} (epoch {facts['epoch']}){how}", soft_wrap=True
        )
    for one in facts["servers"]:
        console.print(f"  [green]active[/]  {escape(one['role'])} ({escape(one['server'])})")
    for text in facts["differs"]:
        console.print(f"  [red]differs[/] {escape(text)}", soft_wrap=True)
