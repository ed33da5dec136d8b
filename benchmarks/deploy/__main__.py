"""Releases under load: `python -m benchmarks.deploy [--json]`, figures as one JSON object on the last line.

50 clients ask a small project's Back Office for pages, and order things, each of which is a task; half of them keep
their connections. Meanwhile releases go through the whole pipeline and back: `tandem ship`, `tandem approve` and
`tandem rollback` as processes, build and trial on the same machine. Each release says in its pages and in its tasks who
it is.

`failed`: requests refused, reset, cut off, answered with an error, not within ten seconds, or by a release that was
proven gone when they were made. The account of tasks is the database's. `switch_ms`: from the row that names the
release to the last server that acts on it, the worst. `ship_s`: from the approval to the end of the verification, the
median.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import click
import psycopg
from rich.console import Console
from rich.table import Table

from benchmarks import clients, database
from benchmarks.clients import Answer
from benchmarks.deploy import account
from benchmarks.deploy.shop import Passage, Shop
from benchmarks.office import Refused

CLIENTS, PAUSE_S = 50, 0.5
RELEASES, ROLLBACKS = 5, 2
QUIET_S = 3.0

GOALS: dict[str, float] = {
    "failed": 0, "tasks_lost": 0, "tasks_doubled": 0, "worst_ms": 400, "switch_ms": 250,
}  # fmt: skip


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Only the JSON object.")
@click.option("--clients", "count", default=CLIENTS, show_default=True, type=click.IntRange(1))
@click.option("--releases", default=RELEASES, show_default=True, type=click.IntRange(1))
@click.option("--rollbacks", default=ROLLBACKS, show_default=True, type=click.IntRange(0))
def main(as_json: bool, count: int, releases: int, rollbacks: int) -> None:
    """Ship and roll back under load. Exit code 1: a request failed, or a task was lost or doubled."""
    console = Console(stderr=True, quiet=as_json, highlight=False)
    if rollbacks > releases:
        raise click.UsageError(f"--rollbacks: {rollbacks}, expected at most {releases}, one for each of --releases")
    url = database.fresh(database.server(), "tandem_deploy")
    with tempfile.TemporaryDirectory(prefix="tandem-deploy-") as folder:
        shop = Shop(Path(folder) / "shop", url)
        try:
            with shop.running():
                passages, answers, figures = _measure(console, shop, url, count, _order(releases, rollbacks))
        except Refused as refused:
            raise click.ClickException(str(refused)) from None
    if not as_json:
        _print(console, passages, answers, figures)
    click.echo(json.dumps(figures))
    sys.exit(any(figures[name] for name in ("failed", "tasks_lost", "tasks_doubled")))


def _measure(
    console: Console, shop: Shop, url: str, count: int, order: Iterable[str]
) -> tuple[list[Passage], list[Answer], dict[str, float]]:
    console.print("the first release, before anybody asks …")
    passages = [shop.release()]
    with clients.asking(shop.plan(count, PAUSE_S)) as answers:
        time.sleep(QUIET_S)
        for what in order:
            passages.append(shop.release() if what == "release" else shop.rollback())
            last = passages[-1]
            console.print(f"{last.name}: {last.ended - last.began:.1f} s, {len(answers):,} requests so far")
        time.sleep(QUIET_S)
    with psycopg.connect(url, autocommit=True) as connection:
        account.come_to_rest(connection)
        accepted = [int(one.path.split("/")[2]) for one in answers if one.method == "POST" and not one.failed]
        counted, ran = account.count(connection, accepted), account.by_edition(connection)
    _must_have_worked(passages, answers, ran)
    return passages, answers, figures_of(passages, answers, counted)


def _order(releases: int, rollbacks: int) -> list[str]:
    """Rollbacks come after releases, never two in turn: each goes back from what is new."""
    before = {(number + 1) * releases // rollbacks for number in range(rollbacks)}
    return [
        what
        for number in range(1, releases + 1)
        for what in (["release", "rollback"] if number in before else ["release"])
    ]


def figures_of(passages: Sequence[Passage], answers: Sequence[Answer], counted: dict[str, int]) -> dict[str, float]:
    """The figures; of the first passage, which nobody saw, only how long it took is of no interest."""
    seen = passages[1:]
    shipped = [one.ship_s for one in seen if one.ship_s is not None]
    return {
        "requests": len(answers),
        "failed": sum(one.failed or is_stale(one, passages) for one in answers),
        "worst_ms": max(one.ms for one in answers),
        **counted,
        "switch_ms": max(one.switch_ms for one in seen),
        "ship_s": round(statistics.median(shipped), 2),
    }


def is_stale(answer: Answer, passages: Sequence[Passage]) -> bool:
    """Whether it was given by another release than the one that was alone when it was asked for."""
    if answer.edition is None:
        return False
    may = {passages[0].edition}
    for one in passages[1:]:
        gone = next(to for name, _, to in one.steps if name == "prove")
        if answer.at >= gone:
            may = {one.edition}
        elif answer.at + answer.ms / 1000 >= one.began:
            may.add(one.edition)
    return answer.edition not in may


def _must_have_worked(passages: Sequence[Passage], answers: Sequence[Answer], ran: dict[int, int]) -> None:
    """A release that answered nobody and ran nothing would make all figures worthless."""
    answered = Counter(one.edition for one in answers)
    for passage in passages[1:]:
        if not answered[passage.edition] or not ran.get(passage.edition):
            raise Refused(
                f"{passage.name} gave {answered[passage.edition]} answers and ran {ran.get(passage.edition, 0)} tasks: "
                "nothing was measured"
            )


def _print(console: Console, passages: Sequence[Passage], answers: Sequence[Answer], figures: dict[str, float]) -> None:
    console.print(_steps(passages, answers))
    for one in [one for one in answers if one.failed or is_stale(one, passages)][:10]:
        doing = _doing(passages, one.at) or "nothing"
        what = one.error or f"status {one.status}, edition {one.edition}"
        on = "a kept connection" if one.kept else "a new connection"
        console.print(f"[red]failed[/] {one.method} {one.path} on {on}, after {one.ms:,.0f} ms: {what} ({doing})")
    table = Table("figure", "measured", "goal", "reached")
    for name, value in figures.items():
        goal = GOALS.get(name)
        reached = "" if goal is None else "yes" if value <= goal else "no"
        table.add_row(name, f"{value:,}", "" if goal is None else f"at most {goal:,}", reached)
    console.print(table)


def _steps(passages: Sequence[Passage], answers: Sequence[Answer]) -> Table:
    """What pages took while the pipeline did what."""
    table = Table("while", "seconds", "requests", "p50 ms", "p99 ms", "worst ms", "failed")
    spans: dict[str, list[tuple[float, float]]] = {}
    for passage in passages[1:]:
        for name, began, ended in passage.steps:
            spans.setdefault(name, []).append((began, ended))
    inside: dict[str, list[Answer]] = {name: [] for name in [*spans, "nothing"]}
    for one in answers:
        inside[_doing(passages, one.at) or "nothing"].append(one)
    for name, found in inside.items():
        times = sorted(one.ms for one in found) or [0.0]
        table.add_row(
            name,
            f"{statistics.median(ended - began for began, ended in spans[name]):.1f}" if name in spans else "",
            f"{len(found):,}",
            *(f"{times[min(len(times) - 1, len(times) * percent // 100)]:,.0f}" for percent in (50, 99)),
            f"{times[-1]:,.0f}",
            str(sum(one.failed for one in found)),
        )
    return table


def _doing(passages: Sequence[Passage], at: float) -> str | None:
    steps = (step for passage in passages[1:] for step in passage.steps)
    return next((name for name, began, ended in steps if began <= at < ended), None)


if __name__ == "__main__":
    main()
