"""The four figures, as benchmarks.queue defines them, taken from anything that is a Peer."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import limits
from benchmarks.peers.peer import Failed, Peer
from benchmarks.queue import BACKLOG_S, PICKUPS, URGENT

FIGURES = ("drain_per_s", "enqueue_per_s", "pickup_p50_ms", "urgent_p99_ms")
WITHIN_S = 120.0
LOOK_S = 0.02


@dataclass(frozen=True)
class Work:
    """How much is done for each figure: about how long a drain lasts and how long is enqueued, and how many stamps."""

    drain_s: float = 7.0
    enqueue_s: float = limits.SECONDS
    pickups: int = PICKUPS
    urgent: int = URGENT


def drain_per_s(peer: Peer, jobs: int) -> float:
    """No-op jobs finished a second, from the first begun until the last is finished and the system has recorded it."""
    peer.enqueue("nothing", jobs)
    peer.start()
    _wait(peer, lambda: peer.tally().jobs >= jobs, "the workers did not finish")
    seen = peer.tally().finished
    while peer.unfinished():
        peer.check()
        seen = time.monotonic()
        if seen > peer.tally().finished + WITHIN_S:
            raise Failed(f"the end of jobs was not recorded within {WITHIN_S:.0f} s")
        time.sleep(LOOK_S)
    done = peer.tally()
    return jobs / (max(seen, done.finished) - done.began)


def enqueue_per_s(peer: Peer, seconds: float) -> float:
    """Jobs enqueued a second, one by one, each in a commit of its own; no workers run."""
    return peer.enqueue_for(seconds)


def pickup_p50_ms(peer: Peer, count: int) -> float:
    """From the call that enqueues to the first line of the job, the workers idle, the median."""
    peer.start()
    return statistics.median(_stamps(peer, count, every_s=0.02, urgent=False))


def urgent_p99_ms(peer: Peer, backlog: int, count: int) -> float:
    """The same for urgent jobs while others of 5 ms wait, the 99th percentile."""
    peer.enqueue("pause", backlog, BACKLOG_S)
    peer.start()
    taken = _stamps(peer, count, every_s=0.1, urgent=True)
    if (done := peer.tally().jobs) >= backlog:
        raise Failed(f"the backlog of {backlog:,} did not last: {done:,} jobs had finished")
    return statistics.quantiles(taken, n=100, method="inclusive")[98]


def _stamps(peer: Peer, count: int, *, every_s: float, urgent: bool) -> list[float]:
    peer.send_stamps(1, 0, urgent=urgent)
    _wait(peer, lambda: len(peer.stamps()) == 1, "the workers did not begin")
    time.sleep(1)  # until all of them are up
    peer.forget_stamps()
    peer.send_stamps(count, every_s, urgent=urgent)
    _wait(peer, lambda: len(peer.stamps()) >= count, "not all jobs began")
    return peer.stamps()


def _wait(peer: Peer, condition: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        peer.check()
        if time.monotonic() > deadline:
            raise Failed(f"{otherwise} within {WITHIN_S:.0f} s")
        time.sleep(LOOK_S)
