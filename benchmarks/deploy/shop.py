"""The shop: a small project in a repository of its own, shipped by the pipeline, edition after edition."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.clients import Plan
from benchmarks.load import Page
from benchmarks.shipping import Pipeline, Repository, Said

PROJECT = Path(__file__).parent / "project"
EDITION = "shop/edition.py"

# Of so many pages that somebody asks for one is an order; of so many orders one has a task that takes longer than a
# switch, so that some run across each.
PAGES_AN_ORDER, ORDERS_A_LONG_ONE = 4, 20
SHORT_S, LONG_S = "0.02", "1.0"


@dataclass(kw_only=True)
class Passage:
    """One way of a release through the pipeline. `steps`: what it did when, by the monotonic clock: name, from, to."""

    name: str
    edition: int
    run: int = 0
    switch_ms: float = 0.0
    ship_s: float | None = None
    steps: list[tuple[str, float, float]] = field(default_factory=list)

    @property
    def began(self) -> float:
        return self.steps[0][1]

    @property
    def ended(self) -> float:
        return self.steps[-1][2]


class Shop:
    """What runs in `folder`, with its database at `url`."""

    def __init__(self, folder: Path, url: str) -> None:
        self._repository = Repository(folder, PROJECT)
        self._ports = free_port(), free_port()
        for old, new in zip((8000, 8001), self._ports, strict=True):
            self._repository.edit("tandem.toml", f"127.0.0.1:{old}", f"127.0.0.1:{new}")
        self._pipeline = Pipeline(folder, {"TANDEM_DATABASE_URL": url})
        self._edition = self._newest = -1
        self._before: list[int] = []

    @property
    def base(self) -> str:
        """Where its pages are."""
        return f"http://127.0.0.1:{self._ports[0]}"

    def plan(self, clients: int, pause_s: float) -> Plan:
        """What people ask for: the list, and now and then they order."""
        pages: list[Page] = []
        for number in range(ORDERS_A_LONG_ONE):
            order = ("POST", "/orders/{number}/", {"seconds": SHORT_S if number else LONG_S})
            pages += [order, *[("GET", "/", {})] * (PAGES_AN_ORDER - 1)]
        return Plan(base=self.base, pages=pages, clients=clients, pause_s=pause_s)

    def release(self) -> Passage:
        """Commit the next edition, and ship it."""
        self._before.append(self._edition)
        self._edition = self._newest = number = self._newest + 1
        if number:
            self._repository.edit(EDITION, f"EDITION = {number - 1}", f"EDITION = {number}")
        self._repository.commit(f"edition {number}")
        return self._pass(Passage(name=f"release {number}", edition=number), "ship")

    def rollback(self) -> Passage:
        """Go back to the edition before."""
        self._edition = self._before.pop()
        return self._pass(Passage(name=f"rollback to {self._edition}", edition=self._edition), "rollback")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Whatever is shipped inside is ended."""
        try:
            yield
        finally:
            self._pipeline.end()

    def _pass(self, passage: Passage, verb: str) -> Passage:
        began: dict[str, float] = {}

        def hear(said: Said) -> None:
            event = json.loads(said.line)
            what, step = event.get("what"), event.get("step")
            if what == "run":
                passage.run = event["run"]
            elif "gate" in event.get("detail", {}):
                self._pipeline.run("approve", str(passage.run))
                passage.steps.append(("approval", passage.steps[-1][2], said.at))
            elif event.get("leg") is None and what == "began":
                began[step] = said.at
            elif event.get("leg") is None and what == "ended":
                passage.steps.append((step, began[step], said.at))
                passage.switch_ms = event["detail"].get("switch_ms", passage.switch_ms)

        self._pipeline.follow(verb, "--json", hear=hear)
        passage.ship_s = ship_seconds(self._pipeline.show(passage.run))
        return passage


def ship_seconds(facts: dict[str, Any]) -> float | None:
    """From the approval to the end of the verification, by the database's clock; None where nobody was asked."""
    if facts["approval"] is None:
        return None
    (verified,) = [step["ended_at"] for step in facts["steps"] if step["step"] == "verify" and step["leg"] is None]
    return (datetime.fromisoformat(verified) - datetime.fromisoformat(facts["approval"]["decided_at"])).total_seconds()


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
