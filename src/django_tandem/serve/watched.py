"""Watched: what watches a server is handed in by who starts it, because it may know more than a server does."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from django_tandem.processes.board import Board
from django_tandem.queue.tally import Tally
from django_tandem.serve.identity import Identity
from django_tandem.serve.standing import Standing


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A server. `alias` is its database, `folder` the project's. An Async Server has a `board`, and `processes` of so
    many `threads`, which are the first slots of a row."""

    alias: str
    identity: Identity
    standing: Standing
    folder: Path
    board: Board | None = None
    processes: int = 0
    threads: int = 0


class Watcher(Protocol):
    """What watches a server. It is made in the supervisor; what processes share is made there too, before any fork."""

    def note_requests(self) -> None:
        """In the supervisor of a Back Office, before the project's application is loaded."""

    def begin(self, watched: Watched) -> None:
        """In the supervisor, before the first fork: this is the server."""

    def run(self, stop: threading.Event) -> None:
        """In the keeper, in a thread of its own, until `stop` is set. It does not raise."""

    def tally(self) -> Tally | None:
        """In a worker of an Async Server, as it begins."""

    def worker_ends(self) -> None:
        """In a worker, when it is through with what it has begun: what it noted is to be told now."""

    def metrics(self) -> bytes | None:
        """In any process: what /-/metrics answers, in Prometheus' text format; None: nothing yet."""
