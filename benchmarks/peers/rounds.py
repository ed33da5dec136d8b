"""The run: who takes part, the rounds in which each is measured in turn, and what comes out of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.peers import brokers
from benchmarks.peers.catalog import Entry
from benchmarks.peers.environment import Environment, NotInstalled
from benchmarks.peers.measure import FIGURES, Work
from benchmarks.peers.peer import Failed
from benchmarks.peers.subjects import InstalledPeer, Subject

Report = Callable[[str], None]


def install(
    entries: Iterable[Entry],
    environment: Environment,
    server: str,
    folder: Path,
    running: ExitStack,
) -> tuple[list[InstalledPeer], dict[str, str]]:
    """Those of `entries` that can be measured, and why the others cannot. A Redis that one needs runs until `running`
    is closed."""
    there: dict[str, Any] = {"postgresql": brokers.Postgresql(server)}
    subjects: list[InstalledPeer] = []
    missing: dict[str, str] = {}
    for entry in entries:
        try:
            environment.install(entry.packages)
            if entry.broker not in there:
                there[entry.broker] = running.enter_context(brokers.redis(folder))
            subjects.append(InstalledPeer(entry, environment, there[entry.broker], folder, Work()))
        except NotInstalled as error:
            missing[entry.name] = str(error)
    return subjects, missing


def take(subjects: Sequence[Subject], rounds: int, report: Report) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """The median of each figure of each subject by its name, and why a subject has none at all.

    A figure that failed is not tried again; it is null, or of the rounds before, and `reasons` says why.
    """
    found: dict[str, dict[str, list[float]]] = {one.name: {figure: [] for figure in FIGURES} for one in subjects}
    reasons: dict[str, dict[str, str]] = {one.name: {} for one in subjects}
    for number in range(1, rounds + 1):
        for one in subjects:
            for figure in FIGURES:
                if figure in reasons[one.name]:
                    continue
                try:
                    found[one.name][figure].append(one.take(figure))
                    said = f"{found[one.name][figure][-1]:,.2f}"
                except Failed as error:
                    said = reasons[one.name][figure] = str(error)
                report(f"round {number} of {rounds}: {one.name} {figure} {said}")
    missing = {name: next(iter(why.values())) for name, why in reasons.items() if not any(found[name].values())}
    return {
        one.name: {**_medians(found[one.name]), **one.facts(), "reasons": reasons[one.name]}
        for one in subjects
        if one.name not in missing
    }, missing


def _medians(found: dict[str, list[float]]) -> dict[str, float | None]:
    return {figure: round(statistics.median(values), 3) if values else None for figure, values in found.items()}
