"""How much a worker takes in hand: by time, not by count."""

from __future__ import annotations

# What a worker has claimed and not begun is at most about this much work.
HELD_S = 0.020

# Work of this length is run by the thread that claimed it: waking another would take longer.
SHORT_S = 0.000_2

MOST_HELD = 200

# Before anything was measured: hold nothing beyond the free slots.
_FIRST_GUESS_S = HELD_S
_WEIGHT = 0.1


class Pace:
    """A moving mean of how long jobs take, in seconds of wall time, and what follows from it."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.mean_s = _FIRST_GUESS_S

    def observe(self, seconds: float) -> None:
        """A job took so long."""
        self.mean_s += _WEIGHT * (seconds - self.mean_s)

    @property
    def short(self) -> bool:
        """Whether jobs are so short that one thread should run them in a row."""
        return self.mean_s < SHORT_S

    def room(self, held: int, idle: int) -> int:
        """How many jobs to claim when `held` are in hand and `idle` slots have nothing to do."""
        at_once = 1 if self.short else self.threads
        return max(0, min(MOST_HELD, int(HELD_S / max(self.mean_s, 1e-6) * at_once)) + idle - held)
