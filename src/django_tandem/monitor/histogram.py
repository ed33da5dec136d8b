"""Histograms of seconds that can be added to each other: as JSON {"count", "sum", "buckets": {"number": count}}.

Bucket n holds what took from `edge(n)` to `edge(n + 1)` seconds: four buckets an octave from a millisecond on, so a
quantile is right within a tenth. The layout never changes: what was written a year ago is added to what is written now.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

FIRST_S = 0.001
AN_OCTAVE = 4
LAST = 27 * AN_OCTAVE  # a day and a half

Histogram = Mapping[str, Any]


def bucket(seconds: float) -> int:
    """The number of the bucket that holds so many seconds; what is shorter than a millisecond is in number 0, with
    what takes one."""
    if seconds <= FIRST_S:
        return 0
    return min(LAST, int(math.log2(seconds / FIRST_S) * AN_OCTAVE))


def edge(number: int) -> float:
    """The seconds at which a bucket begins."""
    return float(FIRST_S * 2 ** (number / AN_OCTAVE))


def empty() -> dict[str, Any]:
    """A histogram of nothing."""
    return {"count": 0, "sum": 0.0, "buckets": {}}


def of(values: Iterable[float]) -> dict[str, Any]:
    """A histogram of these seconds."""
    some = list(values)
    buckets = Counter(map(bucket, some))
    return {"count": len(some), "sum": float(sum(some)), "buckets": {str(n): count for n, count in buckets.items()}}


def add_value(to: MutableMapping[str, Any], seconds: float) -> None:
    """Count one more."""
    to["count"] += 1
    to["sum"] += seconds
    name = str(bucket(seconds))
    to["buckets"][name] = to["buckets"].get(name, 0) + 1


def add(to: MutableMapping[str, Any], other: Histogram) -> None:
    """Count all of `other` too."""
    to["count"] += other["count"]
    to["sum"] += other["sum"]
    for name, count in other["buckets"].items():
        to["buckets"][name] = to["buckets"].get(name, 0) + count


def quantile(histogram: Histogram, share: float) -> float | None:
    """The seconds within which `share` (0 to 1) of what was counted fell; None where nothing was counted."""
    if not histogram["count"]:
        return None
    wanted, passed = share * histogram["count"], 0
    for name in sorted(histogram["buckets"], key=int):
        count = histogram["buckets"][name]
        if passed + count >= wanted:
            low = 0.0 if name == "0" else edge(int(name))
            return float(low + (edge(int(name) + 1) - low) * (wanted - passed) / count)
        passed += count
    return edge(LAST + 1)


def mean(histogram: Histogram) -> float | None:
    """Seconds on average; None where nothing was counted."""
    return float(histogram["sum"] / histogram["count"]) if histogram["count"] else None


def share_within(histogram: Histogram, seconds: float) -> float | None:
    """Which share (0 to 1) took no longer; None where nothing was counted."""
    if not histogram["count"]:
        return None
    limit = bucket(seconds)
    return float(sum(count for name, count in histogram["buckets"].items() if int(name) <= limit) / histogram["count"])
