"""Tandem beside its peers: `python -m benchmarks.peers [--json] [--markdown] [--only NAME,…] [--rounds N]`.

The same work on the same machine in the same run, as benchmarks.queue defines it: two worker processes, of four threads
where the system has threads; each system as its documentation advises for throughput, its queue on storage that is
synced before enqueue returns. The last line is one JSON object: an object for each system, and under `missing` why a
system has none.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import sys
import tempfile
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path

import click
from rich.console import Console

from benchmarks import database
from benchmarks.peers import rounds as runs
from benchmarks.peers import tables
from benchmarks.peers.catalog import CATALOG
from benchmarks.peers.environment import Environment
from benchmarks.peers.subjects import Tandem
from benchmarks.queue import ROUNDS

NAMES = ("tandem", *(entry.name for entry in CATALOG))


def _names(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
    names = tuple(value.split(",")) if value else NAMES
    if unknown := [name for name in names if name not in NAMES]:
        raise click.BadParameter(f"{unknown[0]}: expected some of {','.join(NAMES)}")
    return names


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Only the JSON object.")
@click.option("--markdown", is_flag=True, help="Before the JSON object, the tables of docs/why/figures.md.")
@click.option("--only", callback=_names, metavar="NAME,…", help=f"Of {', '.join(NAMES)}.")
@click.option("--rounds", default=ROUNDS, show_default=True, type=click.IntRange(1))
def main(as_json: bool, markdown: bool, only: tuple[str, ...], rounds: int) -> None:
    """Let Tandem and its peers do the same work, in turn."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is stopped
    console = Console(stderr=True, quiet=as_json, highlight=False)
    server = database.server()
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="tandem-peers-")))
        own = [Tandem(database.fresh(server, "tandem_bench"))] if "tandem" in only else []
        entries = [entry for entry in CATALOG if entry.name in only]
        peers, missing = runs.install(entries, Environment(database.HOME / "peers"), server, folder, running)
        systems, failed = runs.take([*own, *peers], rounds, console.print)
    missing |= failed
    machine = {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "cores": os.cpu_count(),
        **database.describe(server),
        "redis_version": next((peer.broker.version for peer in peers if peer.entry.broker == "redis"), None),
        "python_version": platform.python_version(),
        "rounds": rounds,
    }
    console.print(tables.for_terminal(systems, missing))
    if markdown:
        click.echo(tables.as_markdown(systems, missing, machine))
    click.echo(json.dumps({**systems, "missing": missing, "machine": machine}))


if __name__ == "__main__":
    main()
