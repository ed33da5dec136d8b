"""Watcher: what watches a server, handed to it by the command that starts it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from django_tandem.config.schema import BackOffice, Tandem
from django_tandem.monitor import prometheus, requests, sums
from django_tandem.monitor.channel import Channel
from django_tandem.monitor.looks import looks
from django_tandem.monitor.nginx_log import NginxLog
from django_tandem.monitor.sampler import Sampler
from django_tandem.monitor.teller import Teller
from django_tandem.monitor.totals import Totals
from django_tandem.queue.tally import Tally
from django_tandem.serve.watched import Watched


class Monitor:
    """A serve.watched.Watcher: requests and jobs are counted in their workers, which tell a sampler in the keeper."""

    def __init__(self, tandem: Tandem, role: str) -> None:
        self._tandem = tandem
        self._role = role
        self._channel = Channel()
        self._totals = Totals()
        self._watched: Watched | None = None
        self._teller: Teller[Any] | None = None

    def note_requests(self) -> None:
        """See Watcher."""
        self._teller = Teller(self._channel, "pages", sums.of_requests)
        requests.install(self._teller.note)

    def begin(self, watched: Watched) -> None:
        """See Watcher."""
        self._watched = watched

    def run(self, stop: threading.Event) -> None:
        """See Watcher."""
        assert self._watched is not None  # noqa: S101 - a keeper is of a server that has begun
        sampler = Sampler(
            self._watched,
            self._channel,
            self._totals,
            nginx_log=self._nginx_log(),
            looks=looks(self._tandem),
        )
        sampler.run(stop)

    def tally(self) -> Tally | None:
        """See Watcher."""
        teller = self._teller = Teller(self._channel, "tasks", sums.of_jobs)
        teller.begin()
        return Tally(teller.claimed, teller.append)

    def worker_ends(self) -> None:
        """See Watcher."""
        if self._teller is not None:
            self._teller.end()

    def metrics(self) -> bytes | None:
        """See Watcher."""
        assert self._watched is not None  # noqa: S101 - who is asked has begun
        return self._totals.metrics(prometheus.render, self._watched.identity)

    def _nginx_log(self) -> NginxLog | None:
        """Of several Back Offices on a host the first one's server reads it."""
        path = self._tandem.file.monitor.nginx_log
        first = next((name for name, role in self._tandem.file.roles.items() if isinstance(role, BackOffice)), None)
        return NginxLog(Path(path)) if path is not None and self._role == first else None
