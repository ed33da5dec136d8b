"""Recycle: when a worker process has done its share and gives its place to a fresh one."""

from __future__ import annotations

import math
import random

import psutil

from django_tandem.queue import events

MEBIBYTE = 1024 * 1024

# By so much of the bound, at most, a process leaves earlier: those that began together do not all leave together.
SPREAD = 0.1


class Share:
    """What one process does before it is replaced: so many jobs, or until so many MiB of memory are resident; None: no
    bound. Its own bounds are up to a tenth lower."""

    def __init__(self, jobs: int | None, memory: int | None) -> None:
        share = 1 - SPREAD * random.random()  # noqa: S311 - spreads load, keeps no secret
        self.jobs = math.inf if jobs is None else max(1, round(jobs * share))
        self._bytes = math.inf if memory is None else memory * MEBIBYTE * share
        self._process = psutil.Process()
        if memory is not None and (resident := self._resident()) >= self._bytes:
            events.memory_bound_too_low(memory, resident // MEBIBYTE)
            self._bytes = math.inf

    def is_done(self, begun: int) -> bool:
        """Whether a process that has begun so many jobs has done its share of them."""
        return begun >= self.jobs

    def outgrown(self, begun: int) -> int | None:
        """The MiB that are resident, if that is too much and a job has run since the process began; else None."""
        if self._bytes == math.inf or not begun or (resident := self._resident()) < self._bytes:
            return None
        return resident // MEBIBYTE

    def _resident(self) -> int:
        return int(self._process.memory_info().rss)
