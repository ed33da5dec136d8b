"""`make demo`: the lending office as the monolith that it was, then as two servers, at rest and flooded with tasks.

Then it stays up until Ctrl-C. TANDEM_DEMO_SECONDS=N ends it after N seconds, wherever it is, with exit code 0.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console

from benchmarks import cores, load
from benchmarks.load import Plan
from benchmarks.office import BASE, CLERK, HOME, PASSWORD, Office, Refused
from benchmarks.scoreboard import Phase, Scoreboard
from django_tandem.config.overlay import EMBEDDED
from django_tandem.config.read import read
from django_tandem.errors import TandemError
from django_tandem.processes.postgres import start_embedded

LOANS = 5000
FLOOD_LOANS = 3200
RATE = 8.0
PAGES_A_PAYMENT = 8
WARM_UP_S, REST_S, FLOOD_S = 3.0, 10.0, 25.0
LOOK_S = 1.0
LOG = HOME / ".tandem" / "demo.log"


class TimeIsUp(Exception):
    """TANDEM_DEMO_SECONDS have passed."""


@click.command()
@click.option(
    "--picture", type=click.Path(path_type=Path, dir_okay=False), help="Also draw the table as this SVG file."
)
def main(picture: Path | None) -> None:
    """Run the demo. Exit code 1: it could not, and why is the last line."""
    console = Console(highlight=False)
    try:
        with time_limit(os.environ.get("TANDEM_DEMO_SECONDS")):
            run(console, picture)
    except (TimeIsUp, KeyboardInterrupt):
        console.print("stopped")
    except (Refused, TandemError) as error:
        raise click.ClickException(str(error)) from None


def run(console: Console, picture: Path | None) -> None:
    """Prepare, measure the monolith, measure the split, stay up."""
    address = start_embedded(HOME / EMBEDDED)
    LOG.unlink(missing_ok=True)
    office = Office(address, "postgres", LOG, release=read(HOME / "tandem.toml").release)
    with console.status(f"an office with {LOANS:,} loans and their history (the first time takes a minute)"):
        office.prepare(LOANS)
    one, other = ([core] for core in cores.two()) if cores.can_pin() else ([], [])
    with office.bureau(), office.connect() as connection, Scoreboard(console, connection) as board:
        office.settle()
        with office.monolith([]):
            show(office, board, "monolith")
        office.settle()
        with office.split(one, other):
            show(office, board, "split")
            board.close()
            if picture is not None:
                board.draw(picture)
            stay_up(console, board)


def show(office: Office, board: Scoreboard, name: str) -> None:
    """Take the figures of the server that runs, at rest and then flooded."""
    cookies, pages = office.log_in(), office.pages(PAGES_A_PAYMENT)

    def take(phase: Phase, seconds: float) -> None:
        plan = Plan(base=BASE, cookies=cookies, requests=pages, rate=RATE, seconds=seconds)
        with board.during(phase, seconds):
            for answer in load.run(plan):
                phase.answers.append(answer)
                board.show()

    take(Phase("warming up"), WARM_UP_S)
    take(board.add(Phase(f"{name}, at rest")), REST_S)
    flooded = board.add(Phase(f"{name}, flooded"))
    office.flood(FLOOD_LOANS)
    take(flooded, FLOOD_S)


def stay_up(console: Console, board: Scoreboard) -> None:
    """Say what there is to do, and wait."""
    monolith, split = board.phase("monolith, flooded"), board.phase("split, flooded")
    console.print(
        f"\nFlooded, 95 of 100 pages came within [bold]{monolith.ms(95):,.0f} ms[/] from the monolith, with all cores, "
        f"and within [bold green]{split.ms(95):,.0f} ms[/] from the split, with one core a server.\n",
        soft_wrap=True,
    )
    tandem = os.path.relpath(Path(sys.executable).parent / "tandem", HOME)
    for line in (
        f"[bold green]Both servers stay up:[/] {BASE}  log in as [bold]{CLERK}[/], password [bold]{PASSWORD}[/]",
        "  Take a payment on a loan: the Async Server posts it. Operations begins another flood.",
        f"  In another terminal:  cd {os.path.relpath(HOME)} && {tandem} status",
        f"  What the servers say: tail -f {os.path.relpath(LOG)}",
        "  Ctrl-C stops both.",
    ):
        console.print(line, soft_wrap=True)
    while load.is_there(BASE):
        time.sleep(LOOK_S)
    raise Refused(f"the Back Office does not answer any more; its last words are in {LOG}")


@contextmanager
def time_limit(seconds: str | None) -> Iterator[None]:
    """Raise TimeIsUp after `seconds`; None: never. Raises Refused when that is not a number of seconds."""

    def time_is_up(*_: object) -> None:
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        raise TimeIsUp

    if seconds:
        if not seconds.isdecimal() or int(seconds) < 1:
            raise Refused(f"TANDEM_DEMO_SECONDS is {seconds!r}, expected a whole number of seconds above 0")
        signal.signal(signal.SIGALRM, time_is_up)
        signal.alarm(int(seconds))
    yield


if __name__ == "__main__":
    main()
