"""A fleet under fire, and then the account: `python -m benchmarks.chaos --minutes N [--json]`.

Several real Async Servers work through jobs of every kind while processes are killed and frozen, connections cut, the
database crashed and the fence moved, at random. When it is over, every job that was enqueued must have finished once,
have failed once, or still wait, and what an atomic job did must be there once. `lost`, `double_finished` and
`double_effects` are to be 0; the exit code says so. `--seed` repeats a run's choices (not its timing).
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import click
from rich.console import Console

from benchmarks import database
from benchmarks.fleet import Fleet

RELEASE = "chaos"
SETTINGS = "benchmarks.chaos.settings"
SERVERS = 3
DRAIN_WITHIN_S = 150.0


@click.command()
@click.option("--minutes", default=10.0, show_default=True, type=click.FloatRange(0.1), help="Of faults.")
@click.option("--seed", type=int, help="Of the choices; else one by chance, which is printed.")
@click.option("--json", "as_json", is_flag=True, help="Only the JSON object.")
def main(minutes: float, seed: int | None, as_json: bool) -> None:
    """Cause faults for so many minutes, let the fleet come to rest, and count."""
    console = Console(stderr=True, quiet=as_json, highlight=False)
    seed = random.randrange(2**32) if seed is None else seed
    url = database.fresh(database.server(), "tandem_chaos")
    _set_up(url)

    from benchmarks.chaos.account import count
    from benchmarks.chaos.faults import Faults
    from benchmarks.chaos.load import Load

    with tempfile.TemporaryDirectory(prefix="tandem-chaos-") as folder:
        fleet, load = Fleet(url, Path(folder), SERVERS, settings=SETTINGS, release=RELEASE), Load(seed)
        faults = Faults(url, fleet, random.Random(seed), console)
        try:
            fleet.start()
            load.start()
            until = time.monotonic() + minutes * 60
            while time.monotonic() < until:
                faults.cause_one()
            faults.mend()
            load.stop()
            _come_to_rest(console, fleet)
            figures = {**count(load), "faults": faults.caused, "seconds": round(minutes * 60), "seed": seed}
            if any(figures[name] for name in ("lost", "double_finished", "double_effects")):
                console.print(f"[red]the account does not balance[/]; the servers' logs: {fleet.keep_logs()}")
        finally:
            load.stop()
            fleet.stop()
    click.echo(json.dumps(figures))
    sys.exit(any(figures[name] for name in ("lost", "double_finished", "double_effects", "wrong_effects", "ghosts")))


def _set_up(url: str) -> None:
    os.environ["TANDEM_BENCH_DATABASE_URL"] = url
    os.environ["DJANGO_SETTINGS_MODULE"] = SETTINGS
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)

    from django.db import connections

    from benchmarks.chaos import tasks
    from django_tandem.queue import fence, scheduler
    from django_tandem.queue.connect import connect

    with connect("default", purpose="chaos") as connection:
        scheduler.make_partitions(connection)
        fence.activate(connection, RELEASE)
        connection.execute(tasks.TABLE)
    connections.close_all()  # or the faults would cut this process's own


def _come_to_rest(console: Console, fleet: Fleet) -> None:
    """Wait until nothing is unfinished, or for DRAIN_WITHIN_S: what then still waits is counted as waiting."""
    from django.db import connection

    deadline = time.monotonic() + DRAIN_WITHIN_S
    while time.monotonic() < deadline:
        fleet.revive()
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM tandem_job")
            (left,) = cursor.fetchone()
        if not left:
            return
        console.print(f"{left} jobs are left")
        time.sleep(2)


if __name__ == "__main__":
    main()
