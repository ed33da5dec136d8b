"""Totals: what a server has counted since it began, which its keepers hand on to each other, and its metrics."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from django_tandem.monitor import sums
from django_tandem.monitor.facts import add
from django_tandem.processes.published import Published
from django_tandem.serve.identity import Identity

logger = logging.getLogger("django_tandem.monitor")

Render = Callable[[Mapping[str, Any], Identity], bytes]

MOST_BYTES = 1024 * 1024

# Metrics are made again after so many times what making them took: a twentieth of a percent of one core.
RENDER_PAUSE = 2000

# Names that are counted by themselves; which they are does not change, so that no counter ever falls.
MOST_NAMES = 200

_FAMILY = b"\n# HELP "


class Totals:
    """Made before the fork: what is counted outlives a keeper."""

    def __init__(self) -> None:
        self._kept = Published(MOST_BYTES)
        self._metrics = Published(MOST_BYTES)
        self._counted: dict[str, Any] = {}
        self._render_at = 0.0
        self._told = False

    def begin(self) -> None:
        """In a keeper: go on with what the one before it had counted."""
        self._counted = json.loads(self._kept.read() or b"{}")

    def count(self, facts: Mapping[str, Any]) -> None:
        """Add a sample."""
        for part, names in sums.NAMES.items():
            if part in facts:
                add(self._counted.setdefault(part, {}), {**facts[part], names: self._known(part, names, facts)})
        kept = sums.written(self._counted)
        if len(kept) <= MOST_BYTES:
            self._kept.publish(kept)

    def publish(self, render: Render, facts: Mapping[str, Any], identity: Identity) -> None:
        """Make metrics of what is counted, and of what `facts` say of now; unless that was done just now."""
        if time.monotonic() < self._render_at:
            return
        began = time.monotonic()
        now = dict(facts)
        for part, names in sums.NAMES.items():
            if part in facts:
                gauges = {name: facts[part][name] for name in ("slots", "running", "coroutines") if name in facts[part]}
                now[part] = {**self._counted.get(part, {names: {}}), **gauges}
        content = self._bounded(render(now, identity))
        if content:
            self._metrics.publish(content)
        self._render_at = time.monotonic() + RENDER_PAUSE * (time.monotonic() - began)

    def metrics(self) -> bytes | None:
        """What was published last."""
        return self._metrics.read()

    def _known(self, part: str, names: str, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Of the names of a sample those that have a place. What has none is in the whole all the same."""
        there = self._counted.get(part, {}).get(names, {})
        room = MOST_NAMES - len(there)
        fresh = [name for name in facts[part].get(names, {}) if name not in there and name != sums.OTHERS][:room]
        return {name: one for name, one in facts[part].get(names, {}).items() if name in there or name in fresh}

    def _bounded(self, content: bytes) -> bytes:
        if len(content) <= MOST_BYTES:
            return content
        cut = content.rfind(_FAMILY, 0, MOST_BYTES)
        if not self._told:
            self._told = True
            logger.warning("/-/metrics: %s bytes, more than %s: the last are left out", len(content), MOST_BYTES)
        return content[: cut + 1] if cut > 0 else b""
