"""Totals: what a server has counted since it began, which its keepers hand on to each other, and its metrics.

The keeper writes down what it counted; metrics are made of that by the process that is asked for them. A server that
nobody scrapes makes none.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from django_tandem.monitor import sums
from django_tandem.monitor.facts import add
from django_tandem.processes.published import Published
from django_tandem.serve.identity import Identity

logger = logging.getLogger("django_tandem.monitor")

Render = Callable[[Mapping[str, Any], Identity], bytes]

MOST_BYTES = 1024 * 1024

# Names that are counted by themselves; which they are does not change, so that no counter ever falls.
MOST_NAMES = 200

# Of what has names, what is not counted but so now.
LEVELS = ("slots", "running", "coroutines")


class Totals:
    """Made before the fork: what is counted outlives a keeper."""

    def __init__(self) -> None:
        self._written = Published(MOST_BYTES)
        self._counted: dict[str, Any] = {}
        self._made: tuple[bytes, bytes] | None = None
        self._said = False

    def begin(self) -> None:
        """In a keeper: go on with what the one before it had counted."""
        self._counted = json.loads(self._written.read() or b'{"counted": {}}')["counted"]

    def count(self, facts: Mapping[str, Any], shared: Mapping[str, Any]) -> None:
        """In a keeper: add a sample, and write down what is counted and how it is now; `shared` is of the fleet."""
        for part, names in sums.NAMES.items():
            if part in facts:
                add(self._counted.setdefault(part, {}), {**facts[part], names: self._known(part, names, facts)})
        now = {name: facts[name] for name in facts if name not in sums.NAMES}
        levels = {part: _levels(facts[part]) for part in sums.NAMES if part in facts}
        self._write({"counted": self._counted, "now": {**shared, **now}, "levels": levels})

    def metrics(self, render: Render, identity: Identity) -> bytes | None:
        """In any process: what `render` makes of what was written down last, made once; None: nothing was yet."""
        written = self._written.read()
        if written is None:
            return None
        if self._made is None or self._made[0] != written:
            parts = json.loads(written)
            of_names = {part: {**parts["counted"][part], **levels} for part, levels in parts["levels"].items()}
            self._made = (written, render({**parts["now"], **of_names}, identity))
        return self._made[1]

    def _known(self, part: str, names: str, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Of the names of a sample those that have a place. What has none is in the whole all the same."""
        there = self._counted.get(part, {}).get(names, {})
        room = MOST_NAMES - len(there)
        fresh = [name for name in facts[part].get(names, {}) if name not in there and name != sums.OTHERS][:room]
        return {name: one for name, one in facts[part].get(names, {}).items() if name in there or name in fresh}

    def _write(self, parts: dict[str, Any]) -> None:
        written = sums.written(parts)
        if len(written) > MOST_BYTES:  # by queues: of views and tasks there are not that many
            self._say(len(written))
            now = {name: one for name, one in parts["now"].items() if name != "queues"}
            written = sums.written({**parts, "now": now})
        if len(written) <= MOST_BYTES:
            self._written.publish(written)

    def _say(self, length: int) -> None:
        if not self._said:
            self._said = True
            logger.warning("/-/metrics: made of %s bytes, more than %s: queues are left out", length, MOST_BYTES)


def _levels(part: Mapping[str, Any]) -> dict[str, Any]:
    return {name: part[name] for name in LEVELS if name in part}
