"""Sums: of what was noted of requests and jobs, one by one, the parts `pages` and `tasks` of a sample."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django_tandem.monitor import histogram
from django_tandem.monitor.facts import Facts, add
from django_tandem.monitor.request_start import waited_s
from django_tandem.queue.states import State
from django_tandem.queue.tally import Ended

# The view's name (None: none was found), the status, the seconds, and X-Request-Start with when it was read.
Request = tuple[str | None, int, float, str | None, float]

NO_VIEW = "(no view)"
OTHERS = "(others)"
TIMEOUTS = frozenset({499, 502, 504})
OUTCOMES = {State.SUCCESSFUL: "successful", State.FAILED: "failed", State.SCHEDULED: "retried"}

# Of a part, where it has its names.
NAMES = {"pages": "views", "tasks": "tasks"}

# What is rarer shares one line.
MOST_NAMES = 200

# Of a piece, so that it fits into one datagram.
NAMES_A_PIECE = 25


def no_pages() -> dict[str, Any]:
    """Of a Back Office that nobody asks."""
    return {
        **dict.fromkeys(("count", "errors_4xx", "errors_5xx", "timeouts"), 0),
        "seconds": histogram.empty(),
        "queue_seconds": histogram.empty(),
        "views": {},
    }


def no_tasks() -> dict[str, Any]:
    """Of an Async Server that has nothing to do."""
    counts = dict.fromkeys(("claims", "successful", "failed", "retried"), 0)
    return {**counts, "seconds": histogram.empty(), "tasks": {}}


def of_requests(noted: Iterable[Request]) -> dict[str, Any]:
    """The part `pages`."""
    made = no_pages()
    by_view, waited = defaultdict(list), []
    for view, status, seconds, header, read_at in noted:
        by_view[view or NO_VIEW].append((status, seconds))
        if header is not None and (wait := waited_s(header, read_at)) is not None:
            waited.append(wait)
    made["queue_seconds"] = histogram.of(waited)
    for view, found in by_view.items():
        statuses = [status for status, _ in found]
        failed = sum(status >= 500 for status in statuses)
        made["errors_5xx"] += failed
        made["errors_4xx"] += sum(status >= 400 for status in statuses) - failed
        made["timeouts"] += sum(status in TIMEOUTS for status in statuses)
        took = histogram.of(seconds for _, seconds in found)
        made["count"] += len(found)
        made["views"][view] = {"count": len(found), "errors_5xx": failed, "seconds": took}
        histogram.add(made["seconds"], took)
    return made


def of_jobs(noted: Iterable[Ended]) -> dict[str, Any]:
    """The part `tasks`. What another server had been given meanwhile is that one's."""
    made, by_task = no_tasks(), defaultdict(list)
    for task, state, seconds, is_settled in noted:
        by_task[task, state, is_settled].append(seconds)
    for (task, state, is_settled), found in by_task.items():
        if is_settled and state is State.FAILED:
            continue
        one = made["tasks"].setdefault(task, {"count": 0, "failed": 0, "retried": 0, "seconds": histogram.empty()})
        made[OUTCOMES[state]] += len(found)
        one["retried" if state is State.SCHEDULED else "count"] += len(found)
        one["failed"] += len(found) if state is State.FAILED else 0
        took = histogram.of(found)
        for whole in (made, one):
            histogram.add(whole["seconds"], took)
    return made


def bounded(facts: Facts, most: int = MOST_NAMES) -> dict[str, Any]:
    """`facts` with at most `most` names in each part, those that count most; the rest is under OTHERS."""
    made = dict(facts)
    for part, names in NAMES.items():
        if len(found := made.get(part, {}).get(names, {})) > most:
            by_count: Callable[[str], int] = lambda name, found=found: int(found[name]["count"])  # type: ignore[misc] # noqa: E731
            kept = sorted((name for name in found if name != OTHERS), key=by_count, reverse=True)[: most - 1]
            shown = {name: found[name] for name in found if name in set(kept)}
            others: dict[str, Any] = {}
            for name in found.keys() - shown.keys():
                add(others, found[name])
            made[part] = {**made[part], names: {**shown, OTHERS: others}}
    return made


def pieces(facts: Facts) -> Iterator[dict[str, Any]]:
    """Facts that add up to `facts`, none of them with more than NAMES_A_PIECE names."""
    for part, names in NAMES.items():
        if part not in facts:
            continue
        rest = list(facts[part].get(names, {}).items())
        yield {part: {**facts[part], names: dict(rest[:NAMES_A_PIECE])}}
        for first in range(NAMES_A_PIECE, len(rest), NAMES_A_PIECE):
            yield {part: {names: dict(rest[first : first + NAMES_A_PIECE])}}


def written(facts: Facts) -> bytes:
    """As JSON, without a space."""
    return json.dumps(facts, separators=(",", ":")).encode()
