"""`tandem status`: servers, fence, queues and alarms, in one look."""

from __future__ import annotations

import json
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from django_tandem.cli.alarms import as_facts, print_alarms
from django_tandem.cli.project import json_option, with_queue
from django_tandem.cli.servers import print_orphans

STATES = {"active": "green", "standby": "yellow", "draining": "yellow", "starting": "cyan"}


@click.command()
@json_option
@with_queue
def status(as_json: bool) -> None:
    """Show the servers that run, the release that may claim, what waits in the queues, and what is wrong."""
    from django_tandem.config.read import read
    from django_tandem.monitor import alarms
    from django_tandem.pipeline.look import look
    from django_tandem.queue import counts, fence, pressure
    from django_tandem.queue.connect import connect
    from django_tandem.queue.options import queue_database

    with connect(queue_database(), purpose="status") as connection:
        stands, servers, queues = fence.read(connection), counts.servers(connection), counts.queues(connection)
        orphans = look(connection, read()).orphans  # with_queue has said which project
        yields = {role: one for role, one in pressure.standing(connection).items() if one.level}
    facts: dict[str, Any] = {
        "servers": [
            {
                "role": one.role,
                "host": one.host,
                "pid": one.pid,
                "release": one.release,
                "state": one.state,
                "heartbeat_age_s": round(one.heartbeat_age_s, 1),
            }
            for one in servers
        ],
        "fence": stands._asdict(),
        "orphans": [one.as_json() for one in orphans],
        "queues": [
            {
                "name": one.name,
                "ready": one.ready,
                "scheduled": one.scheduled,
                "running": one.running,
                "oldest_ready_s": None if one.oldest_ready_s is None else round(one.oldest_ready_s, 3),
            }
            for one in queues
        ],
        "pressure": {role: {"level": one.level, "why": one.why} for role, one in yields.items()},
        "alarms": as_facts(alarms.open_now()),
    }
    if as_json:
        click.echo(json.dumps(facts))
    else:
        _print(Console(highlight=False), facts)


def _print(console: Console, facts: dict[str, Any]) -> None:
    release = facts["fence"]["release"]
    who = "no release may claim yet" if release is None else f"release [bold]{escape(release)}[/] may claim"
    console.print(f"{who} (epoch {facts['fence']['epoch']})")
    if not facts["servers"]:
        console.print("no server runs: tandem up")
    else:
        table = Table("role", "host", "pid", "release", "state", "heartbeat", box=box.SIMPLE_HEAD)
        for one in facts["servers"]:
            mismatch = "" if one["release"] == release else " [red](not live)[/]"
            table.add_row(
                escape(one["role"]), escape(one["host"]), str(one["pid"]), escape(one["release"]) + mismatch,
                f"[{STATES.get(one['state'], 'white')}]{one['state']}[/]", f"{one['heartbeat_age_s']:.0f} s ago",
            )  # fmt: skip
        console.print(table)
    print_orphans(console, facts["orphans"])
    print_alarms(console, facts["alarms"])
    for role, one in facts["pressure"].items():
        console.print(f"[yellow]{escape(role)} yields to pages[/], level {one['level']}: {escape(one['why'])}")
    if not facts["queues"]:
        console.print("no unfinished jobs")
        return
    table = Table("queue", "ready", "scheduled", "running", "oldest ready", box=box.SIMPLE_HEAD)
    for one in facts["queues"]:
        oldest = "" if one["oldest_ready_s"] is None else f"{one['oldest_ready_s']:.1f} s"
        table.add_row(escape(one["name"]), str(one["ready"]), str(one["scheduled"]), str(one["running"]), oldest)
    console.print(table)
