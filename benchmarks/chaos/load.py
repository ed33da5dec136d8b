"""Load: jobs of every kind are enqueued, one by one and in bulk, in transactions that commit and that do not."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable
from typing import Any

from django.db import Error, connections, transaction

from benchmarks.chaos import tasks
from django_tandem.queue import control
from django_tandem.queue.control import Jobs
from django_tandem.queue.tasks_api import task_backends

ENQUEUERS = 2
PAUSE_S = (0.0, 0.02)
BULK = 40


class Load:
    """Enqueues until it is stopped. `enqueued`: the ids whose enqueue was acknowledged; `rolled_back`: those whose
    transaction was not committed. An id whose commit broke off is in neither: nobody can know."""

    def __init__(self, seed: int) -> None:
        self.enqueued: set[int] = set()
        self.rolled_back: set[int] = set()
        self._tokens = itertools.count(1)
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(random.Random(seed + number),)) for number in range(ENQUEUERS)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, and wait for the end."""
        self._stop.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def _run(self, chance: random.Random) -> None:
        kinds = [self._one] * 20 + [self._rolled_back, self._in_bulk, self._cancel_one]
        while not self._stop.is_set():
            try:
                chance.choice(kinds)(chance)
            except Error:  # the database is away: nobody knows what became of this one
                connections.close_all()
                time.sleep(0.2)
            time.sleep(chance.uniform(*PAUSE_S))
        connections.close_all()

    def _one(self, chance: random.Random) -> None:
        self.enqueued.add(self._enqueue(chance))

    def _rolled_back(self, chance: random.Random) -> None:
        with transaction.atomic():
            ids = {self._enqueue(chance) for _ in range(3)}
            transaction.set_rollback(True)
        self.rolled_back |= ids

    def _in_bulk(self, chance: random.Random) -> None:
        tokens = [next(self._tokens) for _ in range(BULK)]
        backend: Any = task_backends["default"]
        made = backend.enqueue_many(tasks.nothing, [((token,), {}) for token in tokens])
        self.enqueued |= {int(one) for one in made}

    def _cancel_one(self, chance: random.Random) -> None:
        if self.enqueued:
            control.cancel(Jobs(ids=[max(self.enqueued) - chance.randrange(50)]), by="chaos")

    def _enqueue(self, chance: random.Random) -> int:
        token = next(self._tokens)
        kinds: list[Callable[[], object]] = [
            lambda: tasks.nothing.enqueue(token),
            lambda: tasks.work.enqueue(token, chance.uniform(0, 0.1)),
            lambda: tasks.awork.enqueue(token, chance.uniform(0, 0.3)),
            lambda: tasks.effect.enqueue(token, chance.uniform(0, 0.05)),
            lambda: tasks.shaky_effect.using(priority=chance.randint(-100, 100)).enqueue(token),
            lambda: tasks.shaky.enqueue(token),
            lambda: tasks.limited.enqueue(token, chance.randrange(3)),
        ]
        if chance.random() < 0.01:
            return int(tasks.slow.enqueue(token).id)
        return int(chance.choice(kinds)().id)  # type: ignore[attr-defined]
