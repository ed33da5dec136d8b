"""The queue as it is promised, in memory: what test_machine compares the real one with after each step.

It knows no SQL and no clock; times are the database's, handed in.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django_tandem.queue.job import MOST_DEATHS
from django_tandem.queue.lease import LEASE
from django_tandem.queue.priority import DEFAULT_PATIENCE, head_start
from django_tandem.queue.states import State

READY, RUNNING, SCHEDULED, LIMITED, PAUSED = (
    State.READY, State.RUNNING, State.SCHEDULED, State.LIMITED, State.PAUSED,
)  # fmt: skip
SUCCESSFUL, FAILED = State.SUCCESSFUL, State.FAILED

MOST = 2  # of the jobs that share the limit


@dataclass
class Job:
    """`server`: who runs it. `past`: how many entries its history has. `kept`: its key for a retry, when it is not
    `replaceable` any more."""

    id: int
    task: str
    queue: str
    priority: int
    due: datetime
    state: State = READY
    attempt: int = 0
    forgiven: int = 0
    deaths: int = 0
    past: int = 0
    server: int | None = None
    expires_at: datetime | None = None
    limited: bool = False
    unique: str | None = None
    replaceable: str | None = None
    kept: str | None = None
    cancelled: bool = False

    @property
    def order(self):
        return self.due, self.id

    @property
    def waits(self):
        """Its state when it may begin, as far as only its limit says."""
        return LIMITED if self.limited else READY

    def back(self, state, *, uncounted=False, **more):
        """No one runs it any more."""
        self.state, self.server = state, None
        self.attempt -= uncounted
        for name, value in more.items():
            setattr(self, name, value)


@dataclass
class Server:
    heartbeat_at: datetime
    stopped: bool = False


@dataclass
class Model:
    active: str
    epoch: int
    servers: dict[int, Server]
    jobs: dict[int, Job] = field(default_factory=dict)
    ended: dict[int, Job] = field(default_factory=dict)
    paused_queues: set[str] = field(default_factory=set)
    paused_tasks: set[str] = field(default_factory=set)

    def some(self, *states):
        return sorted((job for job in self.jobs.values() if job.state in states), key=lambda job: job.order)

    def run_by(self, server):
        return [job for job in self.some(RUNNING) if job.server == server]

    # A job's way

    def first(self, name, key):
        """The unfinished job that has this key."""
        return next((job for job in self.jobs.values() if key is not None and getattr(job, name) == key), None)

    def add(self, job):
        self.jobs[job.id] = job
        if job.limited:
            self.admit()

    def replace(self, first, new):
        """`first` takes all of `new` but its id."""
        state = PAUSED if first.state is PAUSED else new.state
        self.jobs[first.id] = replace(
            first, queue=new.queue, priority=new.priority, due=new.due, state=state, forgiven=first.attempt
        )

    def admit(self):
        room = MOST - sum(job.limited for job in self.some(READY, RUNNING))
        for job in self.some(LIMITED)[: max(room, 0)]:
            job.state = READY

    def claim(self, server, epoch, queues, count):
        """The ids in their order; jobs of paused tasks are parked, and others claimed in their place."""
        found = []
        while count > 0 and epoch == self.epoch:
            claimed = [job for job in self.some(READY) if job.queue in queues - self.paused_queues][:count]
            for job in claimed:
                job.state, job.server, job.replaceable = RUNNING, server, None
                job.attempt += 1
            parked = [job for job in claimed if job.task in self.paused_tasks]
            for job in parked:
                job.back(PAUSED, uncounted=True)
            found += [job for job in claimed if job.state is RUNNING]
            count = len(parked)
        return [job.id for job in found]

    def release(self, server, ids):
        for job in self.run_by(server):
            if job.id in ids:
                job.back(READY, uncounted=True)

    def postpone(self, server, job_id, attempt, due):
        if self.holds(server, job_id, attempt):
            self.jobs[job_id].back(SCHEDULED, uncounted=True, due=due)

    def holds(self, server, job_id, attempt):
        job = self.jobs.get(job_id)
        return job is not None and (job.state, job.server, job.attempt) == (RUNNING, server, attempt)

    def finish(self, server, job_id, attempt, state, again_at=None):
        """False: the lease was lost."""
        if not self.holds(server, job_id, attempt):
            return False
        job = self.jobs[job_id]
        job.past += state is not SUCCESSFUL
        if again_at is not None:
            job.back(SCHEDULED, due=again_at)
        else:
            self.end(job, state)
        if job.limited:
            self.admit()
        return True

    def end(self, job, state):
        del self.jobs[job.id]
        assert job.id not in self.ended
        self.ended[job.id] = job
        job.state = state

    # Deaths

    def die(self, server, begun):
        """The worker of `server` is gone."""
        self.release(server, {job.id for job in self.run_by(server)} - set(begun))
        if any(job.deaths + 1 >= MOST_DEATHS for job in self.run_by(server)):
            for job in self.run_by(server):
                if job.deaths + 1 < MOST_DEATHS:
                    job.back(READY, past=job.past + 1, forgiven=job.forgiven + 1)
        self._cut_off(server)

    def rescue(self, now):
        for number, server in self.servers.items():
            if server.heartbeat_at < now - LEASE or server.stopped:
                server.stopped = True
                self._cut_off(number)

    def _cut_off(self, server):
        for job in self.run_by(server):
            job.past += 1
            if job.deaths + 1 >= MOST_DEATHS:
                self.end(job, FAILED)
            else:
                job.back(READY, deaths=job.deaths + 1)

    # Time

    def promote(self, now):
        for job in self.some(SCHEDULED):
            if job.due <= now:
                job.state, job.due = job.waits, job.due - head_start(job.priority, DEFAULT_PATIENCE)

    def expire(self, now):
        for job in self.some(SCHEDULED, READY, LIMITED, PAUSED):
            if job.expires_at is not None and job.expires_at <= now:
                job.past += 1
                self.end(job, FAILED)

    def shift(self, by: timedelta):
        """So much time has passed."""
        for job in self.jobs.values():
            job.due -= by
            job.expires_at = job.expires_at and job.expires_at - by
        for server in self.servers.values():
            server.heartbeat_at -= by

    # What a person may do

    def cancel(self, ids):
        for job in [self.jobs[id_] for id_ in ids if id_ in self.jobs]:
            if job.state is RUNNING:
                job.cancelled = True
            else:
                job.past += 1
                self.end(job, FAILED)

    def end_cancelled(self):
        self.cancel([job.id for job in self.jobs.values() if job.cancelled and job.state is not RUNNING])

    def may_be_retried(self, job_id):
        """Not while an unfinished job has its key."""
        job = self.ended[job_id]
        return not self.first("unique", job.unique) and not self.first("replaceable", job.kept)

    def retry(self, job_id, due):
        job = self.ended.pop(job_id)
        self.jobs[job_id] = Job(
            job_id, job.task, job.queue, job.priority, due, job.waits, job.attempt, job.attempt, past=job.past,
            limited=job.limited, unique=job.unique, replaceable=job.kept, kept=job.kept,
        )  # fmt: skip

    def pause_task(self, task):
        self.paused_tasks.add(task)
        for job in self.some(READY):
            if job.task == task:
                job.state = PAUSED

    def resume_task(self, task):
        self.paused_tasks.discard(task)
        for job in self.some(PAUSED):
            if job.task not in self.paused_tasks:
                job.state = job.waits

    def activate(self, release):
        self.epoch += release != self.active
        self.active = release
