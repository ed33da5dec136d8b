"""What a driver has in hand while it drives a run: the lock, the ledger, and who wants to hear of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django_tandem.config.schema import Tandem
from django_tandem.config.secrets import mask
from django_tandem.pipeline import ledger
from django_tandem.pipeline.ground import Ground
from django_tandem.pipeline.lock import Held
from django_tandem.pipeline.run import Run
from django_tandem.pipeline.stages import Step
from django_tandem.queue.connect import Connection
from django_tandem.release.hosts.host import Host
from django_tandem.release.hosts.places import Places
from django_tandem.release.leg import Leg


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that whoever watches a run may want to know. `what`: began, ended, failed or told."""

    run: int
    step: Step
    what: str
    leg: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Driving:
    """`ground` is what the driver stands on, with its own configuration; `tell` hears of every step."""

    ground: Ground
    connection: Connection
    held: Held
    run: int
    places: Places
    hosts: tuple[Host, ...]
    tell: Callable[[Event], None]

    @property
    def tandem(self) -> Tandem:
        """The driver's configuration."""
        return self.ground.tandem

    def read(self) -> Run:
        """The run as it stands."""
        return ledger.read_run(self.connection, self.run)

    @contextmanager
    def writing(self, step: Step, leg: Leg | None = None) -> Iterator[dict[str, Any]]:
        """Write `step` into the ledger before and after the block, and tell of it. See ledger.writing."""
        role, host, name = (leg.role, leg.host.name, str(leg)) if leg else (None, None, None)
        began = time.monotonic()
        self._say(step, "began", name)
        try:
            with ledger.writing(self.connection, self.held, self.run, step, leg=role, host=host) as detail:
                yield detail
        except Exception as error:
            self._say(step, "failed", name, {"text": mask(" ".join(str(error).split())), "seconds": _since(began)})
            raise
        self._say(step, "ended", name, {**detail, "seconds": _since(began)})

    def told(self, step: Step, leg: str | None, detail: Mapping[str, Any]) -> None:
        """Tell of something within a step."""
        self._say(step, "told", leg, detail)

    def legs(self, step: Step, legs: Iterable[Leg]) -> None:
        """Tell which legs there are, to who draws them."""
        self.told(step, None, {"legs": [str(leg) for leg in legs]})

    def _say(self, step: Step, what: str, leg: str | None, detail: Mapping[str, Any] | None = None) -> None:
        self.tell(Event(run=self.run, step=step, what=what, leg=leg, detail=detail or {}))


def _since(began: float) -> float:
    return round(time.monotonic() - began, 3)
