"""The account: where every job that was enqueued is, and what atomic jobs have done."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.db import connection

from benchmarks.chaos import tasks
from benchmarks.chaos.load import Load

SUCCESSFUL, FAILED = 3, 4


def count(load: Load) -> dict[str, int]:
    """`jobs` were enqueued; of those `finished`, `failed` and `waiting` are there once, `lost` nowhere, and
    `double_finished` more than once. `double_effects`: atomic jobs that did more than one thing; `wrong_effects`: those
    that succeeded and did nothing, or failed and did something. `ghosts`: jobs of transactions that were rolled
    back."""
    results = _rows("SELECT id, state FROM tandem_result")
    waiting = {job for (job,) in _rows("SELECT id FROM tandem_job")}
    times = Counter(job for job, _ in results)
    state = dict(results)
    there = times.keys() | waiting
    effects = Counter(token for (token,) in _rows("SELECT token FROM chaos_effect"))
    return {
        "jobs": len(load.enqueued),
        "finished": sum(state.get(job) == SUCCESSFUL for job in load.enqueued),
        "failed": sum(state.get(job) == FAILED for job in load.enqueued),
        "waiting": len(load.enqueued & waiting),
        "lost": len(load.enqueued - there),
        "double_finished": sum(number > 1 for number in times.values()) + len(times.keys() & waiting),
        "double_effects": sum(number > 1 for number in effects.values()),
        "wrong_effects": sum((effects[token] > 0) != (state == SUCCESSFUL) for token, state in _atomic_jobs()),
        "ghosts": len(load.rolled_back & there),
    }


def _atomic_jobs() -> list[tuple[int, int]]:
    return _rows(
        "SELECT (arguments::json -> 0 ->> 0)::bigint, state FROM tandem_result WHERE task = ANY (%s)",
        [list(tasks.ATOMIC)],
    )


def _rows(query: str, parameters: list[Any] | None = None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())
