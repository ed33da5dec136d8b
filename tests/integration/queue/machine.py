"""All that may happen to jobs, step by step, on the real functions and a real database, beside the model of it."""

import time
from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from psycopg import sql

from django_tandem.queue import claim, control, fence, finish, lease, limits, run, scheduler
from django_tandem.queue.claim import POSTPONE, Owner
from django_tandem.queue.control import Jobs
from django_tandem.queue.horizons import Horizons
from django_tandem.queue.job import Outcome
from django_tandem.queue.priority import DEFAULT_PATIENCE, LOWEST, head_start
from django_tandem.queue.states import State
from django_tandem.queue.sweep import EVER
from tests.integration.queue import policies, tasks
from tests.integration.queue.conftest import register
from tests.integration.queue.model import (
    FAILED,
    SCHEDULED,
    Job,
    Model,
    Server,
)  # fmt: skip

# Both servers are of the first; the fence moves to the other and back.
RELEASES = ("a", "b")
QUEUES = ("one", "two")
AGAIN = timedelta(hours=1)  # of fail_and_wait's Retry
KINDS = {
    "plain": tasks.echo,
    "retried": policies.fail_and_wait_or_not,
    "unique": policies.score,
    "replaced": policies.score_last,
    "limited": policies.ask,
    "expiring": policies.in_an_hour,
}
WHO, WHICH = st.integers(0, 1), st.integers(0, 20)
MANY, FEW = st.integers(1, 5), st.integers(1, 3)


def step(name, *arguments):
    return st.tuples(st.just(name), *arguments)


JOBS_TO_ENQUEUE = step(
    "enqueue",
    st.sampled_from([*sorted(KINDS), "limited", "limited", "limited"]),
    st.sampled_from(QUEUES),
    st.sampled_from([0, -100, -1, 1, 100]),
    st.sampled_from([0, 0, 0, 30]),
    st.integers(0, 1),
)
STEPS_OF_A_WORKER = st.one_of(
    step("claim", MANY, st.sampled_from([QUEUES, QUEUES[:1], QUEUES[::-1]])),
    step("begin", FEW),
    step("finish", st.lists(st.booleans(), min_size=1, max_size=3)),
    step("claim", MANY, st.just(QUEUES)),
    step("begin", MANY),
    step("finish", st.just([False])),
    step("release"),
    step("postpone"),
    step("finish_late"),
    step("worker_dies"),
)
STEPS_OF_THE_HOUSE = st.one_of(
    step("scheduler_turns"),
    step("time_passes", st.sampled_from([1, 30, 60])),
    step("server_is_silent", WHO),
    step("rescue"),
    step("renew", WHO),
)
STEPS_OF_A_PERSON = st.one_of(
    step("cancel", WHICH),
    step("retry", WHICH),
    step("retry", WHICH),
    step("pause_or_resume_task", st.sampled_from(sorted(KINDS)), st.sampled_from([True, True, False])),
    step("pause_or_resume_queue", st.sampled_from(QUEUES), st.sampled_from([True, True, False])),
    step("move_the_fence", st.sampled_from(RELEASES)),
)

COLUMNS = (
    "id", "state", "attempt", "forgiven", "deaths", "past", "priority", "queue", "due", "server", "cancelled",
)  # fmt: skip
JOBS = """
    SELECT id, state, attempt, forgiven, deaths, coalesce(json_array_length(history::json), 0), priority, queue, due,
        server, cancelled_by IS NOT NULL
    FROM tandem_job ORDER BY id"""
RESULTS = "SELECT id, state, attempt, coalesce(json_array_length(history::json), 0) FROM tandem_result ORDER BY id"
OVER_LIMIT = """
    SELECT limit_key FROM tandem_job WHERE state IN (1, 2) AND limit_key IS NOT NULL
    GROUP BY limit_key HAVING count(*) > min(limit_most)"""


class Machine(RuleBasedStateMachine):
    """Two servers with a worker each. `hands`: what each worker has claimed, by id; `begun`: of these, what runs;
    `stale`: what it still runs though it has claimed it anew."""

    def __init__(self, database):
        super().__init__()
        self.database = database
        for table in ("tandem_job", "tandem_result", "tandem_server", "tandem_pause"):
            database.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
        database.execute("UPDATE tandem_fence SET release = 'a', epoch = 1")
        self.owners = [Owner(register(database, release=RELEASES[0]), 1000 + number) for number in range(2)]
        self.epochs = [1, 1]
        self.hands = [{}, {}]
        self.begun = [set(), set()]
        self.stale = [[], []]
        now = self.now()
        self.model = Model("a", 1, {owner.server: Server(now) for owner in self.owners})

    def now(self):
        return self.database.execute("SELECT clock_timestamp()").fetchone()[0]

    def written(self, job_id, column, since, offset=timedelta(0)):
        """A time that the database has just written: it must be now, and `offset`."""
        column = sql.Identifier(column)
        query = sql.SQL("SELECT {} FROM tandem_job WHERE id = %s").format(column)
        (time_,) = self.database.execute(query, [job_id]).fetchone()
        assert since <= time_ - offset <= self.now()
        return time_

    # What Hypothesis chooses: who acts, and a few things that they do in a row

    @initialize(jobs=st.lists(JOBS_TO_ENQUEUE, min_size=2, max_size=8))
    def begin_with(self, jobs):
        self.do(jobs)

    @rule(jobs=st.lists(JOBS_TO_ENQUEUE, min_size=1, max_size=4))
    def enqueuer(self, jobs):
        self.do(jobs)

    @rule(who=WHO, hears=st.booleans(), steps=st.lists(STEPS_OF_A_WORKER, min_size=3, max_size=12))
    def worker(self, who, hears, steps):
        self.do([("hear", who)] if hears else [])
        self.do((name, who, *arguments) for name, *arguments in steps)

    @rule(who=WHO, times=FEW)
    def worker_dies_of_it(self, who, times):
        self.do([("hear", who), *[("claim", who, 2, QUEUES), ("begin", who, 1), ("worker_dies", who)] * times])

    @rule(steps=st.lists(STEPS_OF_THE_HOUSE, min_size=1, max_size=4))
    def house(self, steps):
        self.do(steps)

    @rule(steps=st.lists(STEPS_OF_A_PERSON, min_size=1, max_size=2))
    def person(self, steps):
        self.do(steps)

    def do(self, steps):
        for name, *arguments in steps:
            getattr(self, name)(*arguments)
            self.the_tables_are_what_the_model_says()

    # Enqueue

    def enqueue(self, kind, queue, priority, minutes, key):
        task, since = KINDS[kind], self.now()
        run_after = timedelta(minutes=minutes) or None
        result = task.using(queue_name=queue, priority=priority, run_after=run_after).enqueue(key)
        job_id = int(result.id)
        name = f"{kind} {key}"
        unique, replaceable = name if kind == "unique" else None, name if kind == "replaced" else None
        if first := self.model.first("unique", unique):
            assert job_id == first.id
            return
        offset = timedelta(minutes=minutes) if minutes else -head_start(priority, DEFAULT_PATIENCE)
        job = Job(
            job_id, task.module_path, queue, priority, self.written(job_id, "due", since, offset), unique=unique,
            replaceable=replaceable, kept=replaceable, limited=kind == "limited",
        )  # fmt: skip
        job.state = SCHEDULED if minutes else job.waits
        if kind == "expiring":
            job.expires_at = self.written(job_id, "expires_at", since, timedelta(hours=1))
        if first := self.model.first("replaceable", replaceable):
            assert job_id == first.id
            self.model.replace(first, job)
        else:
            assert job_id not in self.model.jobs.keys() | self.model.ended.keys()
            self.model.add(job)

    # What workers do

    def claim(self, who, count, queues):
        owner, epoch = self.owners[who], self.epochs[who]
        if epoch is None:
            return
        paused = claim.paused_tasks(self.database)
        jobs = claim.claim_unpaused(
            self.database, owner, epoch, Horizons(queues), count, before=EVER, least=LOWEST, paused=paused
        )  # fmt: skip
        assert [job.id for job in jobs] == self.model.claim(owner.server, epoch, set(queues), count)
        self.stale[who] += [self.hands[who][job.id] for job in jobs if job.id in self.begun[who]]
        self.hands[who] |= {job.id: job for job in jobs}
        self.begun[who] -= {job.id for job in jobs}

    def begin(self, who, count):
        held = [job for job in self.hands[who].values() if job.id not in self.begun[who]]
        self.begun[who] |= {job.id for job in sorted(held, key=lambda job: (job.due, job.id))[:count]}

    def finish(self, who, good):
        owner, since, began = self.owners[who], self.now(), time.monotonic()
        ending = [self.hands[who].pop(id_) for id_ in sorted(self.begun[who])[: len(good)]]
        self.begun[who] -= {job.id for job in ending}
        if not ending:
            return
        outcomes = [
            Outcome(job, State.SUCCESSFUL, began, began, "1", job.history) if is_good
            else run.failed(job, owner, began, OSError("away"))
            for job, is_good in zip(ending, good, strict=False)
        ]  # fmt: skip
        lost = {outcome.job.id for outcome in finish.finish(self.database, owner, outcomes)}
        model = self.model
        assert lost == {job.id for job in ending if not model.holds(owner.server, job.id, job.attempt)}
        for outcome in sorted(outcomes, key=lambda outcome: outcome.wait_s is not None):
            job = outcome.job
            may = job.task == KINDS["retried"].module_path and job.attempt - job.forgiven < 2
            assert (outcome.wait_s is not None) == (outcome.state is not State.SUCCESSFUL and may)
            if job.id not in lost:
                again = None if outcome.wait_s is None else self.written(job.id, "due", since, AGAIN)
                model.finish(owner.server, job.id, job.attempt, outcome.state, again)

    def finish_late(self, who):
        """What was given to another meanwhile, or to this one again."""
        stale, self.stale[who] = self.stale[who], []
        now = time.monotonic()
        outcomes = [Outcome(job, State.SUCCESSFUL, now, now, "1", job.history) for job in stale]
        for outcome in outcomes:
            assert finish.finish(self.database, self.owners[who], [outcome]) == [outcome]

    def release(self, who):
        owner = self.owners[who]
        held = [self.hands[who].pop(id_) for id_ in list(self.hands[who]) if id_ not in self.begun[who]]
        claim.release(self.database, owner, held)
        self.model.release(owner.server, {job.id for job in held})

    def postpone(self, who):
        held = sorted(self.hands[who].keys() - self.begun[who])
        if held:
            job, since, server = self.hands[who].pop(held[0]), self.now(), self.owners[who].server
            claim.postpone(self.database, self.owners[who], job)
            if self.model.holds(server, job.id, job.attempt):
                due = self.written(job.id, "due", since, POSTPONE)
                self.model.postpone(server, job.id, job.attempt, due)

    def hear(self, who):
        """Of the fence, and of what is cancelled."""
        seen = fence.read(self.database)
        assert seen == (self.model.active, self.model.epoch)
        self.epochs[who] = seen.epoch if seen.release == RELEASES[0] else None
        server = self.owners[who].server
        expected = {job.id for job in self.model.run_by(server) if job.cancelled}
        assert claim.cancelled(self.database, self.owners[who]).keys() == expected

    # Deaths

    def worker_dies(self, who):
        owner = self.owners[who]
        lease.put_back(self.database, *owner, sorted(self.begun[who]))
        self.model.die(owner.server, self.begun[who])
        self.hands[who], self.begun[who], self.stale[who] = {}, set(), []

    def server_is_silent(self, who):
        """Its jobs are others' then; it knows nothing of it."""
        server = self.owners[who].server
        self.database.execute(
            "UPDATE tandem_server SET heartbeat_at = heartbeat_at - interval '20 s' WHERE id = %s", [server]
        )
        self.model.servers[server].heartbeat_at -= timedelta(seconds=20)

    def rescue(self):
        lease.rescue_silent(self.database)
        self.model.rescue(self.now())

    def renew(self, who):
        server = self.owners[who].server
        lease.renew(self.database, server, "active")
        self.model.servers[server] = Server(self.now())

    # Time

    def time_passes(self, minutes):
        by = timedelta(minutes=minutes)
        self.database.execute(
            "UPDATE tandem_job SET due = due - %s::interval, expires_at = expires_at - %s::interval", [by, by]
        )
        self.database.execute("UPDATE tandem_server SET heartbeat_at = clock_timestamp() WHERE state <> 'stopped'")
        self.model.shift(by)
        for server in self.model.servers.values():
            server.heartbeat_at = self.now() if not server.stopped else server.heartbeat_at

    def scheduler_turns(self):
        scheduler.promote(self.database)
        self.model.promote(self.now())
        limits.sweep(self.database, "")
        self.model.admit()
        scheduler.end_cancelled(self.database)
        self.model.end_cancelled()
        scheduler.unpark(self.database)
        self.model.resume_task(None)
        scheduler.expire(self.database)
        self.model.expire(self.now())

    # What a person does

    def cancel(self, which):
        if self.model.jobs:
            ids = sorted(self.model.jobs)[which % len(self.model.jobs) :][:2]
            control.cancel(Jobs(ids=ids), by="Ada")
            self.model.cancel(ids)

    def retry(self, which):
        failed = sorted(id_ for id_, job in self.model.ended.items() if job.state is FAILED)
        if failed:
            job_id, since = failed[which % len(failed)], self.now()
            may = self.model.may_be_retried(job_id)
            assert control.retry(Jobs(ids=[job_id])) == (may, not may)
            if not may:
                return
            offset = -head_start(self.model.ended[job_id].priority, DEFAULT_PATIENCE)
            self.model.retry(job_id, self.written(job_id, "due", since, offset))

    def pause_or_resume_task(self, kind, resume):
        path = KINDS[kind].module_path
        control.resume("task", path) if resume else control.pause("task", path, by="Ada")
        self.model.resume_task(path) if resume else self.model.pause_task(path)

    def pause_or_resume_queue(self, queue, resume):
        control.resume("queue", queue) if resume else control.pause("queue", queue, by="Ada")
        self.model.paused_queues.discard(queue) if resume else self.model.paused_queues.add(queue)

    def move_the_fence(self, release):
        fence.activate(self.database, release)
        self.model.activate(release)

    # After each step

    def the_tables_are_what_the_model_says(self):
        jobs = [dict(zip(COLUMNS, row, strict=True)) for row in self.database.execute(JOBS)]
        model = [{name: getattr(job, name) for name in COLUMNS} for _, job in sorted(self.model.jobs.items())]
        assert jobs == model
        results = self.database.execute(RESULTS).fetchall()
        assert results == [(id_, job.state, job.attempt, job.past) for id_, job in sorted(self.model.ended.items())]
        assert self.database.execute(OVER_LIMIT).fetchall() == []
        taken = [job.unique for job in self.model.jobs.values() if job.unique]
        assert len(taken) == len(set(taken))
