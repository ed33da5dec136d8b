"""`make demo`: the lending office as the monolith that it was, then as two servers, at rest and flooded with tasks.
After that two commits of it go through the pipeline, the second while people work.

Then it stays up until Ctrl-C. TANDEM_DEMO_SECONDS=N ends it after N seconds, wherever it is, with exit code 0.
TANDEM_DEMO_APPROVE=1 answers the approvals, which otherwise a person at the terminal does.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console

from benchmarks import cores, load
from benchmarks.demo_ship import Shipping
from benchmarks.load import Plan
from benchmarks.office import BASE, CHIEF, CHIEF_PASSWORD, CLERK, HOME, PASSWORD, Office, Refused
from benchmarks.scoreboard import Phase, Scoreboard
from django_tandem.config.overlay import EMBEDDED
from django_tandem.errors import TandemError
from django_tandem.processes.postgres import start_embedded

# A repository of its own, so that it can have commits of its own.
FOLDER = HOME / ".tandem" / "demo"
DASHBOARD = f"See it all: {BASE}/tandem/  as [bold]{CHIEF}[/], password [bold]{CHIEF_PASSWORD}[/]"
RATE = 8.0
PAGES_A_PAYMENT = 8
LOOK_S = 1.0
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large the office is, and the flood of tasks; how long people look at each."""

    loans: int = 5000
    flood_loans: int = 3200
    warm_up_s: float = 2.0
    rest_s: float = 7.0
    flood_s: float = 18.0


BRIEF = Size(loans=200, flood_loans=80, warm_up_s=0.5, rest_s=0.5, flood_s=1.0)


class TimeIsUp(Exception):
    """TANDEM_DEMO_SECONDS have passed."""


@click.command()
@click.option(
    "--picture", type=click.Path(path_type=Path, dir_okay=False), help="Also draw the table as this SVG file."
)
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), default=FOLDER, help="Where its copy is.")
@click.option("--brief", is_flag=True, help="A small office, a short look: to see that it works, not what it is worth.")
def main(picture: Path | None, folder: Path, brief: bool) -> None:
    """Run the demo. Exit code 1: it could not, and why is the last line."""
    console = Console(highlight=False)
    try:
        with ended_by_signals(os.environ.get("TANDEM_DEMO_SECONDS")):
            run(console, picture, folder.resolve(), BRIEF if brief else Size())
    except (TimeIsUp, KeyboardInterrupt):
        console.print("stopped")
    except (Refused, TandemError) as error:
        raise click.ClickException(str(error)) from None


def run(console: Console, picture: Path | None, folder: Path, size: Size) -> None:
    """Prepare, measure the monolith, measure the split, ship, ship again under load, stay up."""
    log = folder / ".tandem" / "log" / "demo.log"
    with Shipping(console, folder).ended() as shipping:
        address = start_embedded(folder / EMBEDDED)
        log.parent.mkdir(exist_ok=True)
        log.unlink(missing_ok=True)
        office = Office(address, "postgres", log, home=folder)
        with console.status(f"an office with {size.loans:,} loans and their history (the first time takes a minute)"):
            office.prepare(size.loans)
        one, other = ([core] for core in cores.two()) if cores.can_pin() else ([], [])
        console.print(f"{DASHBOARD}, also while this runs", soft_wrap=True)
        with office.bureau():
            with office.connect() as connection, Scoreboard(console, connection) as board:
                office.settle()
                with office.watched_monolith():
                    show(office, board, "monolith", size)
                office.settle()
                with office.split(one, other):
                    show(office, board, "split", size)
                    board.close()
                if picture is not None:
                    board.draw(picture)
            say_what_it_is_worth(console, board)
            office.settle()
            if shipping.first(office):
                shipping.second(office, size.flood_loans)
                stay_up(console, folder, "*.log")
            else:
                with office.split(one, other):
                    stay_up(console, folder, log.name)


def show(office: Office, board: Scoreboard, name: str, size: Size) -> None:
    """Take the figures of the server that runs, at rest and then flooded."""
    cookies, pages = office.log_in(), office.pages(PAGES_A_PAYMENT)

    def take(phase: Phase, seconds: float) -> None:
        plan = Plan(base=BASE, cookies=cookies, requests=pages, rate=RATE, seconds=seconds)
        with board.during(phase, seconds):
            for answer in load.run(plan):
                phase.answers.append(answer)
                board.show()

    take(Phase("warming up"), size.warm_up_s)
    take(board.add(Phase(f"{name}, at rest")), size.rest_s)
    flooded = board.add(Phase(f"{name}, flooded"))
    office.flood(size.flood_loans)
    take(flooded, size.flood_s)


def say_what_it_is_worth(console: Console, board: Scoreboard) -> None:
    """The two rows that matter, in words."""
    monolith, split = board.phase("monolith, flooded"), board.phase("split, flooded")
    console.print(
        f"\nFlooded, 95 of 100 pages came within [bold]{monolith.ms(95):,.0f} ms[/] from the monolith, with all cores, "
        f"and within [bold green]{split.ms(95):,.0f} ms[/] from the split, with one core a server.",
        soft_wrap=True,
    )


def stay_up(console: Console, folder: Path, logs: str) -> None:
    """Say what there is to do, and wait."""
    tandem, here = os.path.relpath(Path(sys.executable).parent / "tandem", folder), os.path.relpath(folder)
    for line in (
        f"[bold green]Both servers stay up:[/] {BASE}  log in as [bold]{CLERK}[/], password [bold]{PASSWORD}[/]",
        "  Take a payment on a loan: the Async Server posts it. Operations begins another flood.",
        f"  {DASHBOARD}",
        f"  In another terminal:  cd {here} && {tandem} status",
        f"  The releases:         {tandem} pipeline list; {tandem} rollback; or commit a change, and {tandem} ship",
        f"  What the servers say: tail -f {here}/.tandem/log/{logs}",
        "  Ctrl-C stops both.",
    ):
        console.print(line, soft_wrap=True)
    while load.is_there(BASE):
        time.sleep(LOOK_S)
    raise Refused(f"the Back Office does not answer any more; its last words are in {folder / '.tandem' / 'log'}")


@contextmanager
def ended_by_signals(seconds: str | None) -> Iterator[None]:
    """Raise KeyboardInterrupt on a signal that ends, TimeIsUp after `seconds` (None: never), and once: what is left to
    do then is not interrupted. Raises Refused when that is not a number of seconds."""

    def end(number: int, _: object) -> None:
        for one in (*ENDINGS, signal.SIGALRM):
            signal.signal(one, signal.SIG_IGN)
        raise TimeIsUp if number == signal.SIGALRM else KeyboardInterrupt

    if seconds and (not seconds.isdecimal() or int(seconds) < 1):
        raise Refused(f"TANDEM_DEMO_SECONDS is {seconds!r}, expected a whole number of seconds above 0")
    for one in (*ENDINGS, signal.SIGALRM):
        signal.signal(one, end)
    signal.alarm(int(seconds or 0))
    yield


if __name__ == "__main__":
    main()
