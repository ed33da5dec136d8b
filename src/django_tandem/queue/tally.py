"""Tally: what counts a worker's jobs is handed to it, and called for each of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from django_tandem.queue.states import State

# The task's path, the state that the job ended with (SCHEDULED: it begins again), how many seconds it ran, and whether
# its outcome was settled before it was given (with FAILED: it was another's by then). A plain tuple, because it is made
# for every job.
Ended = tuple[str, State, float, bool]


class Tally(NamedTuple):
    """`claimed` hears how many jobs were claimed, `ended` of each that ended. Both are called from any thread, and must
    take no time."""

    claimed: Callable[[int], object]
    ended: Callable[[Ended], object]
