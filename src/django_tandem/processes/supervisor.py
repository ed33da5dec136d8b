"""Keeps children alive, and ends them in order. Single-threaded, so that it may fork at any time."""

from __future__ import annotations

import logging
import os
import selectors
import signal
import time
from collections.abc import Callable, Collection, Sequence

from django_tandem.processes.child import RECYCLED, Child, ChildSpec, Death
from django_tandem.processes.signals import Signals

logger = logging.getLogger("django_tandem.supervisor")

# A child that lived for less died at its start. The first is replaced at once, each further one after a longer pause.
EARLY_S = 5.0
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 8.0

# A child that has not shown a sign of life for so long is killed and replaced.
SILENT_S = 60.0

TURN_S = 1.0
HARD_STOP_S = 2.0


class Supervisor:
    """Starts children, replaces those that die or have done their share, and stops all on TERM, HUP or INT.

    `drain_s`: what children are given to end by themselves. A second INT ends that time, and gives `hard_stop_s`.
    `on_death` hears of every child that dies, before its replacement starts; `on_stop` hears that the end begins.
    `most_early_deaths`: after so many deaths of a child at its start in a row the supervisor gives up (None: never).
    `hopeless`: exit codes after which it gives up at once.
    """

    def __init__(
        self,
        children: Sequence[ChildSpec],
        *,
        drain_s: float,
        on_death: Callable[[Death], None] = lambda _: None,
        on_stop: Callable[[], None] = lambda: None,
        most_early_deaths: int | None = None,
        hopeless: Collection[int] = (),
        silent_s: float = SILENT_S,
        hard_stop_s: float = HARD_STOP_S,
    ) -> None:
        self._specs = {spec.name: spec for spec in children}
        self._drain_s = drain_s
        self._on_death = on_death
        self._on_stop = on_stop
        self._most_early_deaths = most_early_deaths
        self._hopeless = hopeless
        self._silent_s = silent_s
        self._hard_stop_s = hard_stop_s
        self._living: dict[str, Child] = {}
        self._early_deaths = dict.fromkeys(self._specs, 0)
        self._start_at: dict[str, float] = {}
        self._stopping = False
        self._hard = False
        self._gave_up = False
        self._lifeline_read, self._lifeline_write = os.pipe()
        # One that has no descriptor of its own: nothing of it is shared with a child.
        self._selector = selectors.PollSelector()

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
        """Supervise until told to stop. Returns 0, or 1 when it gave up."""
        self._signals = Signals((signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD))
        self.watch(self._signals.fileno(), self._heed_signals)
        try:
            self._supervise()
            self._start_at.clear()
            self._on_stop()
            self._end([child for child in self._living.values() if not child.spec.last], self._drain_s)
            self._end([child for child in self._living.values() if child.spec.last], self._hard_stop_s, unhurried=True)
        finally:
            for child in self._living.values():
                child.send_group(signal.SIGKILL)
            self.unwatch(self._signals.fileno())
            self._signals.restore()
            self._selector.close()
            os.close(self._lifeline_read)
            os.close(self._lifeline_write)
        return 1 if self._gave_up else 0

    def pids(self) -> dict[str, int]:
        """The process ids of the living children, by name; of those that leave, too."""
        return {name: child.pid for name, child in self._living.items()}

    def _supervise(self) -> None:
        for name in self._specs:
            self._start(name)
        while not self._stopping:
            self._turn()
            self._replace_silent()
            self._start_successors()
            self._start_due()

    def _turn(self) -> None:
        wait = min([TURN_S, *(max(0.0, at - time.monotonic()) for at in self._start_at.values())])
        for key, _ in self._selector.select(wait):
            key.data()
        self._reap()

    def _heed_signals(self) -> None:
        for number in self._signals.arrived():
            if number == signal.SIGINT and self._stopping:
                self._hard = True
            elif number != signal.SIGCHLD:
                self._stopping = True

    def _start(self, name: str) -> None:
        self._start_at.pop(name, None)
        self._living[name] = Child(self._specs[name], self._leave, self._lifeline_read)

    def _leave(self) -> None:
        """In a child: give up what is the supervisor's."""
        self._signals.leave()
        os.close(self._lifeline_write)

    def _reap(self) -> None:
        for name, child in list(self._living.items()):
            death = child.reap()
            if death is None:
                continue
            del self._living[name]
            child.send_group(signal.SIGTERM)  # what it had started, and left behind
            is_recycled = death.status == RECYCLED and child.spec.leaving()
            self._on_death(death)
            if self._stopping:
                continue
            if name != death.name:  # its successor is there
                level = logging.INFO if is_recycled else logging.WARNING
                logger.log(level, "%s", _words(death, is_recycled=is_recycled))
            else:
                self._replace(death, is_recycled=is_recycled)

    def _replace(self, death: Death, *, is_recycled: bool) -> None:
        early = death.lived_s < EARLY_S and not is_recycled
        deaths = self._early_deaths[death.name] = self._early_deaths[death.name] + 1 if early else 0
        died = _words(death, is_recycled=is_recycled)
        if death.status in self._hopeless:
            logger.error("%s: giving up", died)
            self._gave_up = self._stopping = True
        elif self._most_early_deaths is not None and deaths >= self._most_early_deaths:
            logger.error("%s, at its start, %s times: giving up", died, deaths)
            self._gave_up = self._stopping = True
        elif deaths > 1:
            pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(deaths - 2, 10))
            logger.warning("%s; again in %.1f s", died, pause)
            self._start_at[death.name] = time.monotonic() + pause
        else:
            self._start(death.name)
            level = logging.INFO if is_recycled else logging.WARNING
            logger.log(level, "%s; pid %s replaces it", died, self._living[death.name].pid)

    def _start_successors(self) -> None:
        """What leaves ends in its own time, beside its successor. Of one name one at a time: the next waits for its
        end and is replaced then."""
        for name, child in list(self._living.items()):
            beside = f"{child.spec.name}, leaving"
            if name == beside or beside in self._living or child.spec.successor is None or not child.spec.leaving():
                continue
            self._living[beside] = self._living.pop(name)
            self._specs[name] = child.spec.successor()
            self._early_deaths[name] = 0
            self._start(name)
            logger.info("%s (pid %s) is recycled; pid %s takes its place", name, child.pid, self._living[name].pid)

    def _replace_silent(self) -> None:
        for child in self._living.values():
            if child.spec.silent_s() > self._silent_s:
                name = child.spec.name
                logger.error("%s (pid %s) has been silent for %.0f s: killed", name, child.pid, self._silent_s)
                child.send_group(signal.SIGKILL)

    def _start_due(self) -> None:
        for name, at in list(self._start_at.items()):
            if not self._stopping and time.monotonic() >= at:
                self._start(name)

    def _end(self, mine: Sequence[Child], drain_s: float, *, unhurried: bool = False) -> None:
        """TERM, then wait; after `drain_s`, or a second INT, hurry; after `hard_stop_s` more, KILL."""
        for child in mine:
            child.send(signal.SIGTERM)
            child.send(signal.SIGCONT)  # a stopped process takes its TERM only when it goes on
        # They keep to the same deadline by themselves, and are hurried only when they overstay it.
        self._await(mine, drain_s + self._hard_stop_s, until_hard=not unhurried)
        for child in self._left(mine):
            logger.warning("%s (pid %s) has not ended: %s", child.spec.name, child.pid, child.spec.hurry.name)
            child.send_group(child.spec.hurry)
        self._await(mine, self._hard_stop_s)
        for child in self._left(mine):
            child.send_group(signal.SIGKILL)
        self._await(mine, self._hard_stop_s)

    def _await(self, mine: Sequence[Child], seconds: float, *, until_hard: bool = False) -> None:
        deadline = time.monotonic() + seconds
        while self._left(mine) and time.monotonic() < deadline and not (until_hard and self._hard):
            self._turn()

    def _left(self, mine: Sequence[Child]) -> list[Child]:
        return [child for child in mine if child in self._living.values()]


def _words(death: Death, *, is_recycled: bool) -> str:
    ended = "was recycled" if is_recycled else "ended" if death.status == 0 else f"died: {death.cause}"
    return f"{death.name} (pid {death.pid}) {ended}"
