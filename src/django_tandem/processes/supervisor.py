"""Keeps children alive, and ends them in order. Single-threaded, so that it may fork at any time."""

from __future__ import annotations

import logging
import os
import selectors
import signal
import time
from collections.abc import Callable, Sequence

from django_tandem.processes.child import Child, ChildSpec, Death
from django_tandem.processes.signals import Signals

logger = logging.getLogger("django_tandem.supervisor")

# A child that lived for less died at its start: the next attempt waits, and after so many the supervisor gives up.
EARLY_S = 5.0
MOST_EARLY_DEATHS = 5
LONGEST_PAUSE_S = 8.0

# A child that has not shown a sign of life for so long is killed and replaced.
SILENT_S = 60.0

TURN_S = 1.0
HARD_STOP_S = 2.0


class Supervisor:
    """Starts children, replaces those that die, and stops all on TERM or INT.

    `drain_s`: what children are given to end by themselves. A second INT ends that time. `on_death` hears of every
    child that dies while it should live, before its replacement starts; `on_stop` hears that the end begins.
    """

    def __init__(
        self,
        children: Sequence[ChildSpec],
        *,
        drain_s: float,
        on_death: Callable[[Death], None] = lambda _: None,
        on_stop: Callable[[], None] = lambda: None,
        silent_s: float = SILENT_S,
    ) -> None:
        self._specs = {spec.name: spec for spec in children}
        self._drain_s = drain_s
        self._on_death = on_death
        self._on_stop = on_stop
        self._silent_s = silent_s
        self._living: dict[str, Child] = {}
        self._early_deaths = dict.fromkeys(self._specs, 0)
        self._start_at: dict[str, float] = {}
        self._stopping = False
        self._hard = False
        self._gave_up = False
        self._lifeline_read, self._lifeline_write = os.pipe()
        self._selector = selectors.DefaultSelector()

    def watch(self, descriptor: int, ready: Callable[[], None]) -> None:
        """Call `ready` when there is something to read from `descriptor`."""
        self._selector.register(descriptor, selectors.EVENT_READ, ready)

    def unwatch(self, descriptor: int) -> None:
        """Forget `descriptor`."""
        self._selector.unregister(descriptor)

    def stop(self) -> None:
        """Begin the end, as TERM does."""
        self._stopping = True

    def run(self) -> int:
        """Supervise until TERM, INT or the death of everything. Returns 0, or 1 when it gave up."""
        self._signals = Signals((signal.SIGTERM, signal.SIGINT, signal.SIGCHLD))
        self.watch(self._signals.fileno(), self._heed_signals)
        for name in self._specs:
            self._start(name)
        while not self._stopping:
            self._turn()
            self._replace_silent()
            self._start_due()
        self._on_stop()
        self._end([name for name, spec in self._specs.items() if not spec.last], self._drain_s)
        self._end([name for name, spec in self._specs.items() if spec.last], HARD_STOP_S * 2)
        self.unwatch(self._signals.fileno())
        self._signals.restore()
        self._selector.close()
        os.close(self._lifeline_read)
        os.close(self._lifeline_write)
        return 1 if self._gave_up else 0

    def pids(self) -> dict[str, int]:
        """The process ids of the living children, by name."""
        return {name: child.pid for name, child in self._living.items()}

    def _turn(self) -> None:
        wait = min([TURN_S, *(max(0.0, at - time.monotonic()) for at in self._start_at.values())])
        for key, _ in self._selector.select(wait):
            key.data()
        self._reap()

    def _heed_signals(self) -> None:
        for number in self._signals.arrived():
            if number == signal.SIGINT and self._stopping:
                self._hard = True
            elif number in (signal.SIGINT, signal.SIGTERM):
                self._stopping = True

    def _start(self, name: str) -> None:
        self._start_at.pop(name, None)
        self._living[name] = Child(self._specs[name], self._leave, self._lifeline_read)

    def _leave(self) -> None:
        """In a child: give up what is the supervisor's."""
        self._signals.leave()
        self._selector.close()
        os.close(self._lifeline_write)

    def _reap(self) -> None:
        for name, child in list(self._living.items()):
            death = child.reap()
            if death is None:
                continue
            del self._living[name]
            if not self._stopping:
                self._replace(death)

    def _replace(self, death: Death) -> None:
        self._on_death(death)
        early = death.lived_s < EARLY_S
        deaths = self._early_deaths[death.name] = self._early_deaths[death.name] + 1 if early else 0
        if deaths >= MOST_EARLY_DEATHS:
            logger.error("%s died %s times at its start (%s): giving up", death.name, deaths, death.cause)
            self._gave_up = self._stopping = True
        elif deaths > 1:
            pause = min(LONGEST_PAUSE_S, 0.25 * 2**deaths)
            logger.warning("%s (pid %s) died: %s; again in %.1f s", death.name, death.pid, death.cause, pause)
            self._start_at[death.name] = time.monotonic() + pause
        else:
            self._start(death.name)
            replacement = self._living[death.name].pid
            logger.warning("%s (pid %s) died: %s; pid %s replaces it", death.name, death.pid, death.cause, replacement)

    def _replace_silent(self) -> None:
        for name, child in self._living.items():
            if child.spec.silent_s() > self._silent_s:
                logger.error("%s (pid %s) has been silent for %.0f s: killed", name, child.pid, self._silent_s)
                child.signal(signal.SIGKILL)

    def _start_due(self) -> None:
        for name, at in list(self._start_at.items()):
            if not self._stopping and time.monotonic() >= at:
                self._start(name)

    def _end(self, names: Sequence[str], drain_s: float) -> None:
        """TERM, then wait; after `drain_s`, or a second INT, KILL."""
        mine = {name: self._living[name] for name in names if name in self._living}
        for child in mine.values():
            child.signal(signal.SIGTERM)
            child.signal(signal.SIGCONT)  # a stopped process takes its TERM only when it goes on
        # The children keep to the same deadline; they are killed only when they overstay it.
        deadline = time.monotonic() + drain_s + HARD_STOP_S
        while any(name in self._living for name in mine):
            if self._hard or time.monotonic() > deadline:
                for name in mine:
                    if name in self._living:
                        logger.warning("%s (pid %s) killed", name, self._living[name].pid)
                        self._living[name].signal(signal.SIGKILL)
                self._await(mine, HARD_STOP_S)
                return
            self._turn()

    def _await(self, mine: dict[str, Child], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while any(name in self._living for name in mine) and time.monotonic() < deadline:
            self._turn()
