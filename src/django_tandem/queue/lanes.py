"""The lanes of a worker together: which slot is in which, and who is woken for what is held."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime

from django_tandem.queue.held import Held
from django_tandem.queue.lane import General, Lane, Reserved, Usual
from django_tandem.queue.priority import LOWEST, Reserve
from django_tandem.queue.yielding import PRESSING, USUAL, Split


class Lanes:
    """So many threads are slots, those of `reserve` among them. Its owner holds `lock` where a method says so.

    `by_slot`: the lane that each slot is in. `above`: the lanes, beside the general one, that have slots now: those of
    slots that are closed to low priorities, and the reserved.
    """

    def __init__(self, threads: int, reserve: Reserve, queues: Sequence[str], lock: threading.Lock) -> None:
        self.general = General(threads - reserve.slots, LOWEST, queues, lock)
        self._usual = Usual(0, USUAL, queues, lock)
        self._pressing = Reserved(0, PRESSING, queues, lock)
        self._reserved = Reserved(reserve.slots, reserve.priority, queues, lock)
        self._every = (self.general, self._usual, self._pressing, self._reserved)
        for lane in self._every[1:]:
            self.general.horizons.followed_by(lane.horizons)
        self._order()

    @property
    def all(self) -> Sequence[Lane]:
        """Those that have slots, and the general one."""
        return (self.general, *self.above)

    def announced(self, queue: str, due: datetime) -> None:
        """A job became ready. Those that have no slots now hear it too."""
        for lane in self._every:
            lane.announced(queue, due)

    def forget(self) -> None:
        """Announcements may have been missed: a job may be ready anywhere."""
        for lane in self._every:
            lane.forget()

    def divide(self, split: Split) -> None:
        """Let the slots that are not reserved begin what `split` says; with the lock held."""
        for lane, slots in zip((self.general, self._usual, self._pressing), split, strict=True):
            lane.resize(slots)
        self._order()

    def ask_again(self) -> None:
        """There may be something ready of which nothing was said."""
        for lane in self.all:
            lane.dry = False

    def fits(self, held: Held) -> bool:
        """Whether an idle slot may begin something that is held."""
        return any(lane.idle and lane.fitting(held) for lane in self.all)

    def wake_one(self) -> None:
        """Let one more slot of each lane look; with the lock held."""
        for lane in self.all:
            lane.work.notify()

    def wake_all(self) -> None:
        """The same for all slots, those too that were in a lane that has none now; with the lock held."""
        for lane in self._every:
            lane.work.notify_all()

    def wake_for(self, held: Held, by_slot: int) -> None:
        """Let idle slots begin what is held; with the lock held. `by_slot`: 1 where a slot fetched it, which begins
        one itself."""
        if self.general.idle:
            # Short jobs stay with the slot that fetched them.
            more = len(held) - by_slot
            self.general.work.notify(more if not self.general.pace.short else 1 - by_slot)
            if more <= self.general.idle:
                return
        for lane in self.above:
            if lane.idle and (fitting := lane.fitting(held)):
                lane.work.notify(fitting)

    def _order(self) -> None:
        self.above = tuple(lane for lane in self._every[1:] if lane.slots)
        self.by_slot = [lane for lane in self._every for _ in range(lane.slots)]
