"""The jobs that a worker has in hand, and the exchange of them with the database: outcomes in, claims out.

Slots take jobs from here. The slot that finds too few makes the exchange itself, so that no job is handed from thread
to thread when jobs are short; other slots are woken when there is enough for them too.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial

import psycopg

from django_tandem.errors import KeyNotConfigured
from django_tandem.queue import claim, events, finish, lease
from django_tandem.queue.claim import Owner
from django_tandem.queue.connect import Connection, shut_down
from django_tandem.queue.exchange import exchange
from django_tandem.queue.hand import Hand
from django_tandem.queue.job import Job, Outcome
from django_tandem.queue.lane import Lane
from django_tandem.queue.lanes import Lanes
from django_tandem.queue.listen import Ready
from django_tandem.queue.priority import Reserve
from django_tandem.queue.sweep import EVER
from django_tandem.queue.tally import Tally
from django_tandem.queue.unopened import Unopened
from django_tandem.queue.yielding import Split

# How long a statement that still runs when the database is lost may take to notice by itself.
HANG_UP_S = 0.5


class Intake:
    """Jobs in hand (`held`, in due order) and outcomes to be written. All methods may be called from any thread.

    `epoch` is the fence's epoch under which this worker may claim; None: it may not.
    """

    def __init__(
        self,
        connection: Connection,
        owner: Owner,
        queues: Sequence[str],
        threads: int,
        reserve: Reserve,
        tally: Tally | None = None,
    ) -> None:
        self.connection = connection
        self.owner = owner
        self.hand = Hand(urgent=reserve.priority)
        self.lanes = Lanes(threads, reserve, queues, self.hand.lock)
        self.general = self.lanes.general
        self.epoch: int | None = None
        self.paused: frozenset[str] = frozenset()
        self.broken: Exception | None = None
        self._tally_claimed = tally.claimed if tally else None
        self._tally_ended = tally.ended if tally else None
        self._held = self.hand.held
        self._lock = self.hand.lock
        self._unopened = Unopened()
        self._exchanging = threading.Lock()
        self._heard = 0
        self._closed = False

    # What slots call

    def take(self, slot: int) -> Job | None:
        """The next job that this slot begins; waits for one. None: there will be no more."""
        while True:
            lane = self.lanes.by_slot[slot]
            if self._wants_exchange(lane):
                self.exchange(lane)
            with self._lock:
                if lane.fitting(self._held):
                    return self.hand.begin(lane)
                if self._closed:
                    return None
                is_there = lane is self.lanes.by_slot[slot]  # and is woken there
                if is_there and (not self._wants_exchange(lane) or self._exchanging.locked()):
                    lane.wait()

    def give(self, outcome: Outcome) -> None:
        """An outcome, to be written with the next exchange. A second one of the same attempt is dropped: it comes from
        a job that was given up and ended after all."""
        seconds = outcome.ended - outcome.began
        with self._lock:
            if not self.hand.end(outcome):
                return
            self.general.pace.observe(seconds)
        if self._tally_ended is not None:
            self._tally_ended((outcome.job.task, outcome.state, seconds, outcome.is_settled))

    def put_back(self, job: Job, error: ImportError | KeyNotConfigured) -> None:
        """This release does not know the job's task, or this server not its key: another may."""
        if isinstance(error, ImportError):
            events.task_unknown(job, error)
        else:
            self._unopened.tell(job)
        with self._exchanging:
            try:
                claim.postpone(self.connection, self.owner, job)
            except psycopg.Error as broken:
                self.broken = broken
        self.hand.running.discard(job.id)

    # What the control loop calls

    def hear(self, connection: Connection, announced: Sequence[Ready]) -> None:
        """Jobs became ready: claim them, on `connection`, if there is room or one of them overtakes what is held.
        Nothing announced: look all the same."""
        for queue, due, _ in announced:
            self.lanes.announced(queue, due)
        self._heard += 1
        if self.general.slots and not self._fill(self.general, connection):
            self._overtake(connection, announced)
        for lane in self.lanes.above:
            if not announced or any(ready.priority >= lane.least for ready in announced):
                self._fill(lane, connection)

    def _fill(self, lane: Lane, connection: Connection) -> bool:
        """Claim what there is room for; False: there is none, for jobs are held."""
        lane.dry = False
        with self._lock:
            room, held = lane.room(self._held), lane.fitting(self._held)
        if not room and held:
            return False
        jobs = self._claim(connection, lane, room)
        lane.dry = len(jobs) < room and not lane.has_more
        self._hold(jobs)
        if lane.has_more:  # for a slot to go on with
            with self._lock:
                lane.work.notify()
        return True

    def _overtake(self, connection: Connection, announced: Sequence[Ready]) -> None:
        """Claim what is due before the last of those that begin next."""
        slots = self.general.slots
        with self._lock:
            before = self._held.due_after(slots) if self._held else None
        if before is not None and any(ready.due < before for ready in announced):
            self._hold(self._claim(connection, self.general, slots, before))

    @property
    def is_waiting(self) -> bool:
        """Whether there is something that must not wait long: held jobs beside idle slots, or outcomes."""
        return bool(self.lanes.fits(self._held) or self._held.is_stale or self.hand.outcomes)

    def wake(self) -> None:
        """Let one more slot of each kind take from what is held."""
        with self._lock:
            self.lanes.wake_one()

    def divide(self, split: Split) -> None:
        """Let the slots begin what `split` says from now on; what they run goes on. What is held goes back: it may be
        for others."""
        with self._lock:
            self.lanes.divide(split)
        self.release_held()
        self._wake_all()

    def settle_late(self) -> None:
        """Write the outcomes that have waited for long, and give back jobs that have."""
        if self.hand.is_to_write:
            self.exchange()
        if self._held.is_stale:
            self.general.stalled = True
            self.release_held()

    def pause(self, tasks: frozenset[str]) -> None:
        """Begin no jobs of these tasks. What is held goes back, for a queue may have been paused too."""
        self.paused = tasks
        self.release_held()
        self.lanes.ask_again()

    def end_held(self, job_id: int) -> Job | None:
        """See Hand.end_held."""
        with self._lock:
            return self.hand.end_held(job_id)

    def release_held(self) -> None:
        """Give back what is held and not begun."""
        with self._exchanging:
            with self._lock:
                held = self._held.take_all()
            try:
                claim.release(self.connection, self.owner, held)
            except psycopg.Error as error:
                self.broken = error  # they are strays then: reconnected gives them back

    def close(self) -> None:
        """No more claims; what is held goes back; slots end when they have finished what they run."""
        self.epoch = None
        self._closed = True
        self.release_held()
        self._wake_all()

    def give_up(self, reason: str) -> int:
        """Give back what still runs, the attempt counted, and return how many. What it does from now on is dropped."""
        with self._exchanging:
            left = len(self.hand.running)
            if left or self.hand.outcomes:
                with suppress(psycopg.Error):  # the server's keeper or a rescuer does it then
                    lease.put_back(self.connection, *self.owner, begun=list(self.hand.running), reason=reason)
            return left

    def hang_up(self, error: Exception) -> None:
        """The database was lost: close the connection, once no thread waits on it any more. Closed under a thread that
        waits for its answer, it would let that thread wait for ever."""
        if not self._exchanging.acquire(timeout=HANG_UP_S):
            shut_down(self.connection)
            self._exchanging.acquire()
        try:
            self.broken = self.broken or error
            self.connection.close()
        finally:
            self._exchanging.release()

    def reconnected(self, connection: Connection) -> None:
        """Go on with a new connection: find out which outcomes had arrived, give back what was claimed unheard."""
        with self._exchanging:
            if outcomes := self.hand.outcomes:
                self.hand.forget_written(finish.already_written(connection, self.owner, outcomes))
            with self._lock:
                in_hand = self.hand.ids()
            claim.return_strays(connection, self.owner, in_hand)
            self.connection, self.broken = connection, None
            self.lanes.forget()
        self._wake_all()

    # What both call

    def exchange(self, by: Lane | None = None) -> None:
        """Write outcomes and claim what there is room for, unless another thread does so. `by`: where a slot asks."""
        if not self._exchanging.acquire(blocking=False):
            return
        try:
            self._exchange(by)
        finally:
            self._exchanging.release()
        for lane in self.lanes.above:
            if lane.idle and not lane.dry:  # it wanted to, meanwhile
                with self._lock:
                    lane.work.notify()

    # How it is done

    def _wants_exchange(self, lane: Lane) -> bool:
        if self.broken is not None:
            return False
        if self.hand.outcomes and self.hand.is_to_write:
            return True
        if self.epoch is None or lane.dry:
            return False
        return lane.is_short(self._held)

    def _exchange(self, by: Lane | None) -> None:
        lane = by or self.general
        with self._lock:
            outcomes = self.hand.take_outcomes()
        heard = self._heard
        room = 0 if self.epoch is None or lane.dry else lane.room(self._held, int(by is not None))
        try:
            claims = partial(self._claim, self.connection, lane, room) if room else None
            jobs = exchange(self.connection, self.owner, outcomes, claims)
        except psycopg.Error as error:
            self.broken = error
            with self._lock:
                self.hand.outcomes = outcomes + self.hand.outcomes
            return
        if room and len(jobs) < room and heard == self._heard:
            lane.dry = not lane.has_more
        self._hold(jobs, by)

    def _claim(self, connection: Connection, lane: Lane, count: int, before: datetime = EVER) -> list[Job]:
        if (epoch := self.epoch) is None or not count:
            return []
        return claim.claim_unpaused(
            connection, self.owner, epoch, lane.horizons, count,
            before=before, least=lane.least, paused=self.paused, how=lane.claim,
        )  # fmt: skip

    def _hold(self, jobs: list[Job], by: Lane | None = None) -> None:
        if not jobs:
            return
        if self._tally_claimed is not None:
            self._tally_claimed(len(jobs))
        with self._lock:
            self._held.add(jobs)
            self.lanes.wake_for(self._held, int(by is not None))

    def _wake_all(self) -> None:
        with self._lock:
            self.lanes.wake_all()
