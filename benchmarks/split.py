"""What the split is worth: `python -m benchmarks.split [--json]`, figures as one JSON object on the last line.

One run, a phase after another: the monolith at rest and flooded with tasks, on one core and on two; then the split, a
core a server, at rest and flooded. The database's work is counted to the server that asks for it: its processes run on
the same core. Pages come at a fixed rate (benchmarks.load). Each figure is the median of the rounds; errors and
timeouts are sums over all rounds.

`split_neighbour_*` is the limit beside the goal: the split at rest while a loop that shares nothing with it keeps the
other core busy. What that costs is the machine's (a shared cache, a shared host), and no software's.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from benchmarks import cores, database, load
from benchmarks.load import Answer, Page, Plan
from benchmarks.office import BASE, Office, Refused

LOANS = 5000
FLOOD_LOANS = 3200
RATE = 8.0
PHASE_S = 24.0
WARM_UP_S = 3.0  # each process has imported and connected
SETTLE_S = 2.0
TURNS = 4
ROUNDS = 3
GOAL = 1.05


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Only the JSON object.")
@click.option("--rounds", default=ROUNDS, show_default=True, type=click.IntRange(1))
@click.option("--seconds", default=PHASE_S, show_default=True, type=click.FloatRange(1), help="Of a phase.")
@click.option("--rate", default=RATE, show_default=True, type=click.FloatRange(1), help="Pages a second.")
def main(as_json: bool, rounds: int, seconds: float, rate: float) -> None:
    """Measure the pages of the monolith and of the split, each at rest and while tasks flood it."""
    console = Console(stderr=True, quiet=as_json)
    if not cores.can_pin():
        raise click.ClickException("needs Linux and two cores, so that each server can have one of its own")
    both = cores.two()
    server = database.server()
    database.fresh(server, "lendoffice_split")
    with tempfile.TemporaryDirectory(prefix="tandem-split-") as folder:
        office = Office(server, "lendoffice_split", Path(folder) / "log")
        try:
            console.print(f"an office with {LOANS:,} loans …")
            office.prepare(LOANS)
            # People, the bureau and this benchmark itself stay off the core of the server that is looked at.
            with cores.on([both[1]]), office.bureau():
                answers = Split(office, seconds, rate, console, both).rounds(rounds)
        except Refused as refused:
            raise click.ClickException(str(refused)) from None
    figures = _figures(answers)
    if not as_json:
        _print_table(console, figures, answers)
    settings = {"rate_per_s": rate, "phase_s": seconds, "rounds": rounds, **database.describe(server)}
    click.echo(json.dumps({**figures, **settings}))


class Split:
    """The phases, by name."""

    def __init__(self, office: Office, seconds: float, rate: float, console: Console, both: tuple[int, int]) -> None:
        self._office = office
        self._seconds = seconds
        self._rate = rate
        self._console = console
        self._first, self._second = both

    def rounds(self, count: int) -> dict[str, list[list[Answer]]]:
        """The answers of each phase, a list a round."""
        found: dict[str, list[list[Answer]]] = {}
        one, other = [self._first], [self._second]
        for number in range(1, count + 1):
            servers: dict[str, Callable[[], AbstractContextManager[None]]] = {
                "monolith": lambda: self._office.monolith(one),
                "monolith_two_cores": lambda: self._office.monolith([*one, *other]),
                "split": lambda: self._office.split(one, other),
            }
            for name, start in servers.items():
                for phase, answers in self._phases(name, start):
                    found.setdefault(f"{name}_{phase}", []).append(answers)
                    p95 = quantile(answers, 95)
                    self._console.print(f"round {number} of {count}: {name}, {phase}: p95 {p95:,.1f} ms")
        return found

    def _phases(
        self, name: str, start: Callable[[], AbstractContextManager[None]]
    ) -> Iterator[tuple[str, list[Answer]]]:
        self._office.settle()
        with start():
            cookies, pages = self._office.log_in(), self._office.pages()
            self._take(cookies, pages, WARM_UP_S)
            if name == "split":
                yield from self._in_turns(cookies, pages)
            else:
                yield "rest", self._take(cookies, pages, self._seconds)
                self._flood()
                yield "flood", self._take(cookies, pages, self._seconds)

    def _in_turns(self, cookies: dict[str, str], pages: list[Page]) -> Iterator[tuple[str, list[Answer]]]:
        """Rest, neighbour and flood in short turns, so that a host that changes its pace does it to all three. (The
        monolith has no turns: what it has begun nobody can stop.)"""
        found: dict[str, list[Answer]] = {"rest": [], "neighbour": [], "flood": []}
        for _ in range(TURNS):
            found["rest"] += self._take(cookies, pages, self._seconds / TURNS)
            with cores.busy(self._second):
                found["neighbour"] += self._take(cookies, pages, self._seconds / TURNS)
            self._flood()
            found["flood"] += self._take(cookies, pages, self._seconds / TURNS)
            self._office.settle()
            time.sleep(SETTLE_S)
        yield from found.items()

    def _flood(self) -> None:
        self._office.flood(FLOOD_LOANS)
        time.sleep(SETTLE_S)

    def _take(self, cookies: dict[str, str], pages: list[Page], seconds: float) -> list[Answer]:
        plan = Plan(base=BASE, cookies=cookies, requests=pages, rate=self._rate, seconds=seconds, cores=[self._second])
        return list(load.run(plan))


def quantile(answers: list[Answer], percent: int) -> float:
    """A percentile of the latencies in ms; who waited in vain counts with the whole wait."""
    return statistics.quantiles([answer.ms for answer in answers], n=100, method="inclusive")[percent - 1]


def _figures(found: dict[str, list[list[Answer]]]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for phase, rounds in found.items():
        for percent in (50, 95, 99):
            figures[f"{phase}_p{percent}_ms"] = round(
                statistics.median(quantile(answers, percent) for answers in rounds), 2
            )
    everything = [answer for rounds in found.values() for answers in rounds for answer in answers]
    figures["errors"] = sum(answer.is_error for answer in everything)
    figures["timeouts"] = sum(answer.is_timeout for answer in everything)
    split = [answer for name, rounds in found.items() if name.startswith("split") for one in rounds for answer in one]
    figures["split_errors"] = sum(answer.is_error for answer in split)
    figures["split_timeouts"] = sum(answer.is_timeout for answer in split)
    for phase in ("flood", "neighbour"):
        pairs = zip(found[f"split_{phase}"], found["split_rest"], strict=True)
        ratios = [quantile(answers, 95) / quantile(rest, 95) for answers, rest in pairs]
        figures[f"split_{phase}_to_rest_p95"] = round(statistics.median(ratios), 3)
    return figures


def _print_table(console: Console, figures: dict[str, float], found: dict[str, list[list[Answer]]]) -> None:
    table = Table("phase", "p50 ms", "p95 ms", "p99 ms", "errors", "timeouts")
    for phase, rounds in found.items():
        answers = [answer for one in rounds for answer in one]
        table.add_row(
            phase.replace("_", " "),
            *(f"{figures[f'{phase}_p{percent}_ms']:,.1f}" for percent in (50, 95, 99)),
            str(sum(answer.is_error for answer in answers)),
            str(sum(answer.is_timeout for answer in answers)),
        )
    console.print(table)
    flood, neighbour = figures["split_flood_to_rest_p95"], figures["split_neighbour_to_rest_p95"]
    console.print(f"the split, flooded to at rest: p95 × {flood} (goal: at most {GOAL})")
    console.print(f"the same with a neighbour that shares nothing but the machine: p95 × {neighbour}")


if __name__ == "__main__":
    main()
