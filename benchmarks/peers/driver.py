"""The side of a peer that its own environment runs: `python -m benchmarks.peers.driver MODULE`.

Reads one request of JSON a line, `{"do": "enqueue", …}`, and answers each with one line. It leads the group of all
processes that it starts, and ends with them when nobody asks any more.

MODULE offers `prepare()`, `enqueue(job, *arguments, urgent=False)`, `unfinished() -> int`, `workers()`, a list of
commands, and, where the system has a way of its own for many, `enqueue_many(job, count, *arguments)`. The jobs are
those of benchmarks.peers.jobs. The environment names the address of the broker and the figure that is to be taken, as
TANDEM_PEERS_ADDRESS and TANDEM_PEERS_FIGURE.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from types import ModuleType
from typing import Any


def main(name: str) -> None:
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints is no answer
    module = importlib.import_module(name)
    module.prepare()
    driver = Driver(module)
    print("ready", file=replies)
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(getattr(driver, request.pop("do"))(**request)), file=replies)
    os.killpg(0, signal.SIGKILL)


class Driver:
    """What can be asked for."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.workers: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        self.workers = [
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=2) for command in self.module.workers()
        ]

    def ended(self) -> list[int]:
        """The exit codes of the workers that are no more."""
        return [code for worker in self.workers if (code := worker.poll()) is not None]

    def enqueue(self, job: str, count: int, arguments: list[Any]) -> None:
        many = getattr(self.module, "enqueue_many", None)
        if many is not None:
            many(job, count, *arguments)
            return
        for _ in range(count):
            self.module.enqueue(job, *arguments)

    def enqueue_for(self, seconds: float) -> float:
        """Jobs enqueued a second, one by one, each safe before the next."""
        done, began = 0, time.monotonic()
        while time.monotonic() < began + seconds:
            self.module.enqueue("nothing")
            done += 1
        return done / (time.monotonic() - began)

    def stamps(self, count: int, every_s: float, urgent: bool) -> None:
        for _ in range(count):
            self.module.enqueue("stamp", time.monotonic(), urgent=urgent)
            time.sleep(every_s)

    def unfinished(self) -> int:
        return int(self.module.unfinished())


if __name__ == "__main__":
    main(sys.argv[1])
