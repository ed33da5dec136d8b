"""`tandem servers`: what runs, and how to end what should not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from django_tandem.cli.audited import audited, auditing
from django_tandem.cli.project import config_option, json_option, with_queue
from django_tandem.errors import StillAlive

if TYPE_CHECKING:
    from django_tandem.config.schema import Tandem
    from django_tandem.pipeline.look import Fleet
    from django_tandem.pipeline.orphans import Judged
    from django_tandem.pipeline.servers import Ended
    from django_tandem.queue.connect import Connection

WIDE = 140
STYLES = {
    "live": "green",
    "stands by": "yellow",
    "starting": "cyan",
    "draining": "yellow",
    "silent": "red",
    "orphan": "bold red",
}

live_option = click.option("--live", is_flag=True, help="Also what is live, or of an open run.")
named = click.argument("names", nargs=-1, metavar="[SERVER]...")


@click.group()
def servers() -> None:
    """Look at what runs, end what should not, start what should."""


@servers.command("list")
@json_option
@with_queue
def list_servers(as_json: bool) -> None:
    """List what runs, by processes of this host, heartbeats and database sessions, with a verdict."""
    with _fleet() as (_, _, fleet):
        pass
    if as_json:
        click.echo(json.dumps([one.as_json() for one in fleet.servers]))
        return
    console = Console(highlight=False, width=max(Console().width, WIDE))
    if not fleet.servers:
        console.print("no server runs")
        return
    table = Table("server", "role", "release", "state", "heartbeat", "kept by", "verdict", box=box.SIMPLE_HEAD)
    for one in fleet.servers:
        seen = one.seen
        age = "" if seen.heartbeat_age_s is None else f"{seen.heartbeat_age_s:.0f} s ago"
        table.add_row(
            escape(seen.name), escape(seen.role), escape(seen.release or "?"), seen.state or "", age,
            escape(seen.kept_by or ""), f"[{STYLES[one.verdict]}]{one.verdict}[/]",
        )  # fmt: skip
    console.print(table)
    for one in fleet.servers:
        if one.verdict == "silent":
            console.print(f"[red]silent[/]  {escape(str(one.seen))}: {escape(one.why or '')}", soft_wrap=True)
    print_orphans(console, [one.as_json() for one in fleet.orphans])


@servers.command()
@named
@click.option("--orphans", is_flag=True, help="All orphans of this host.")
@click.option("--all", "everything", is_flag=True, help="All of this host, what is live too, and the agent.")
@live_option
@json_option
@with_queue
@audited("stop server")
def stop(names: tuple[str, ...], orphans: bool, everything: bool, live: bool, as_json: bool) -> None:
    """End servers of this host: they finish what they run, and are killed when their drain is over."""
    if [bool(names), orphans, everything].count(True) != 1:
        raise click.UsageError("say which servers: as tandem servers list names them, or --orphans, or --all")
    _end(names, everything=everything, live=live or everything, kill=True, as_json=as_json)


@servers.command()
@named
@live_option
@json_option
@with_queue
@audited("drain server")
def drain(names: tuple[str, ...], live: bool, as_json: bool) -> None:
    """Let servers of this host finish what they run, and end; none is killed here."""
    if not names:
        raise click.UsageError("say which servers: as tandem servers list names them")
    _end(names, live=live, kill=False, as_json=as_json)


@servers.command()
@json_option
@with_queue
def prove(as_json: bool) -> None:
    """Prove that nothing of another release than the live one lives. Exit code 1 where something does."""
    with _fleet() as (_, _, fleet):
        pass
    live, strangers = fleet.expected.live, fleet.strangers
    if as_json:
        click.echo(json.dumps({"live": live, "alone": not strangers, "others": [one.as_json() for one in strangers]}))
    elif not strangers:
        click.echo(f"nothing lives but {live}" if live else "nothing lives, and no release is live")
    if strangers:
        raise StillAlive("\n".join(_alive(one) for one in strangers))


@servers.command()
@json_option
@config_option
def start(as_json: bool, config_path: Path | None) -> None:
    """Start the servers of the live release on this host, where they do not run."""
    from django_tandem.config.read import read
    from django_tandem.pipeline import servers as of_hosts
    from django_tandem.pipeline.ground import ground

    stands = ground(read(config_path))
    with auditing("start servers"):
        there = of_hosts.start(stands)
    if as_json:
        click.echo(json.dumps(there))
        return
    for one in there:
        what = "started" if one["started"] else "runs already"
        click.echo(f"{one['role']} of {one['release']} {what} (pid {one['pid']})")


def print_orphans(console: Console, orphans: Sequence[dict[str, Any]]) -> None:
    """An alarm for each: what it is, why, and what ends it."""
    for one in orphans:
        console.print(
            f"[bold red]orphan[/]  {escape(one['role'])} of {escape(one['release'] or '?')} ({escape(one['server'])}): "
            f"{escape(one['why'])}; {escape(one['todo'])}",
            soft_wrap=True,
        )


def say_ended(ended: Ended, *, as_json: bool, nothing: str) -> None:
    """Tell what was ended. Raises StillAlive where something lives all the same."""
    if as_json:
        left = [one.as_json() for one in ended.left]
        click.echo(json.dumps({"ended": [one.name for one in ended.ended], "left": left}))
    else:
        for one in ended.ended:
            click.echo(f"ended {one}")
        if not ended.ended and not ended.left:
            click.echo(nothing)
    if ended.left:
        raise StillAlive("\n".join(_alive(one) for one in ended.left))


def _end(names: Sequence[str], *, live: bool, kill: bool, as_json: bool, everything: bool = False) -> None:
    from django_tandem.pipeline import servers as of_hosts

    with _fleet() as (connection, tandem, fleet):
        wanted: Sequence[Judged] = of_hosts.named(fleet, names) if names else fleet.orphans
        if everything:
            wanted = [one for one in fleet.servers if one.seen.here and one.seen.lives]
        elsewhere = [] if names else [one for one in wanted if not one.seen.here]
        wanted = [one for one in wanted if one not in elsewhere]
        of_hosts.must_be_here(wanted)
        if not live:
            of_hosts.must_be_needless(wanted, fleet)
        ended = of_hosts.end(connection, tandem, fleet, wanted, kill=kill)
    if everything:
        of_hosts.end_agents(tandem)  # an embedded database may end with it: the connection is closed by now
    say_ended(ended._replace(left=[*ended.left, *elsewhere]), as_json=as_json, nothing="there is nothing to end")


def _alive(one: Judged) -> str:
    from django_tandem.pipeline.orphans import stop_command

    kept = f", kept by {one.seen.kept_by}" if one.seen.kept_by else ""
    return f"{one.seen} lives{kept}; {stop_command(one.seen)}"


@contextmanager
def _fleet() -> Iterator[tuple[Connection, Tandem, Fleet]]:
    from django_tandem.config.read import read
    from django_tandem.pipeline.look import look
    from django_tandem.queue.connect import connect
    from django_tandem.queue.options import queue_database

    tandem = read()  # with_queue has said which
    with connect(queue_database(), purpose="command") as connection:
        yield connection, tandem, look(connection, tandem)
