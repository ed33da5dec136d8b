"""What a sample says, as JSON, and how samples are added up: of longer times, and of servers that are one.

A server's sample:
  host      load [1, 5, 15 min], cores, cpu (0 to 1), memory {total, available}, disk {total, free}: bytes
  server    processes, rss (bytes), cpu (cores), state
  pages     of a Back Office: count, errors_4xx, errors_5xx, timeouts, seconds, queue_seconds (histograms),
            views {name: {count, errors_5xx, seconds}}
  tasks     of an Async Server: slots (its threads), running (coroutines too), coroutines (of those), claims (jobs),
            successful, failed, retried (attempts), seconds (of attempts, a histogram),
            tasks {path: {count, failed, retried, seconds}}
That of the fleet (server 0):
  database  connections, most_connections, waiting, oldest_transaction_s
  queues    {name: {ready, scheduled, running, limited, paused, oldest_s, priorities {"0": {ready, oldest_s}}}}
  counted_at  when the queues were counted, ISO 8601; counted_s: how long that took
  pressure  {role: {level, why}}: of Async Servers that yield
Parts that nobody knew are missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django_tandem.monitor import histogram

Facts = Mapping[str, Any]

# What is counted is added up. Of all else that rises and falls the most is kept, because that is what hurt.
COUNTED = frozenset(
    "count errors_4xx errors_5xx timeouts claims successful failed retried".split()  # noqa: SIM905 - reads better
)

# Of these the last one stands: they say how it is, not how much of it there was.
LAST = frozenset({"state", "total", "free", "available", "cores", "slots", "most_connections", "counted_at", "why"})


def merge(samples: Iterable[Facts]) -> dict[str, Any]:
    """Samples of one server that follow each other, oldest first, as one of the whole time."""
    merged: dict[str, Any] = {}
    for facts in samples:
        add(merged, facts)
    return merged


def add(merged: dict[str, Any], facts: Facts) -> None:
    """Add a sample to what was merged before it."""
    for name, value in facts.items():
        there = merged.get(name)
        if isinstance(value, dict):  # as JSON has it: to ask for any Mapping takes most of the time
            if there is None:
                there = merged[name] = histogram.empty() if "buckets" in value else {}
            (histogram.add if "buckets" in value else add)(there, value)
        elif there is None or name in LAST:
            merged[name] = value
        elif name in COUNTED:
            merged[name] = there + value
        elif isinstance(value, list):
            merged[name] = [max(pair) for pair in zip(there, value, strict=True)]
        elif value is not None:
            merged[name] = max(there, value)
