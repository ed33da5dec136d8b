"""What changed: the same figures before and since the newest move, over the same length of time."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from django_tandem.monitor.moves import Move
from django_tandem.monitor.steps import Steps, Values, p95

# Longer than that, other things have changed too.
LONGEST_S = 3600


class Difference(NamedTuple):
    """`unit`: seconds, number or ratio. None: nobody measured it then."""

    what: str
    unit: str
    before: float | None
    since: float | None


class Changed(NamedTuple):
    """`seconds`: how long both sides are at most."""

    move: Move
    seconds: float
    differences: list[Difference]


def changed(steps: Steps, moves: Sequence[Move]) -> Changed | None:
    """What the newest move of these changed; None where none has samples on both sides.

    The step in which it happened belongs to neither side, and a move before it ends the side that is before.
    """
    for number in range(len(moves) - 1, -1, -1):
        move = moves[number]
        at = steps.index(move.at)
        most = max(1, LONGEST_S // steps.step_s)
        until = min(steps.count, at + 1 + most)
        length = until - (at + 1)
        earliest = max(
            [0, at - length, *(steps.index(one.at) + 1 for one in moves[:number] if steps.index(one.at) < at)]
        )
        before, since = range(earliest, at), range(at + 1, until)
        if _measured(steps, before) and _measured(steps, since):
            found = [one for one in _differences(steps, before, since) if (one.before, one.since) != (None, None)]
            return Changed(move, float(length * steps.step_s), found)
    return None


def _differences(steps: Steps, before: range, since: range) -> Iterator[Difference]:
    def both(what: str, unit: str, values: Iterable[Values], take: Callable[[list[float]], float]) -> Difference:
        sides = [[one[index] for one in values for index in side] for side in (before, since)]
        known = [[value for value in side if value is not None] for side in sides]
        return Difference(what, unit, *(take(side) if side else None for side in known))

    offices = [line for line in steps.lines if line.kind == "office"]
    workers = [line for line in steps.lines if line.kind == "async"]
    for host in sorted({line.host for line in steps.lines}):
        loads = [line.values["load"] for line in steps.lines if line.host == host]
        yield both(f"load ÷ cores of {host}", "ratio", [_combined(steps, loads, max)], statistics.fmean)
    pages = [[one for line in offices for index in side for one in line.histograms[index]] for side in (before, since)]
    yield Difference("95 of 100 pages within", "seconds", *(p95(one) if one else None for one in pages))
    for what, lines, name in (
        ("requests a minute", offices, "pages"),
        ("5xx a minute", offices, "errors_5xx"),
        ("jobs finished a minute", workers, "successful"),
        ("jobs failed a minute", workers, "failed"),
    ):
        yield both(what, "number", [_combined(steps, [line.values[name] for line in lines], sum)], statistics.fmean)
    yield both("jobs ready, at most", "number", _fleet(steps, "ready"), max)
    yield both("the oldest ready for, at most", "seconds", _fleet(steps, "oldest_s"), max)


def _fleet(steps: Steps, name: str) -> list[Values]:
    return [steps.fleet[name]] if name in steps.fleet else []


def _combined(steps: Steps, values: list[Values], combine: Callable[[list[float]], float]) -> Values:
    """Of several servers, step by step."""
    found: Values = []
    for index in range(steps.count):
        known = [one[index] for one in values]
        there = [value for value in known if value is not None]
        found.append(combine(there) if there else None)
    return found


def _measured(steps: Steps, side: range) -> bool:
    seen = {steps.index(at) for at, _ in steps.seen}
    return any(index in seen for index in side)
