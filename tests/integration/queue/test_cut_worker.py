"""A worker's connection is cut in every statement that it makes, before the server has it and before the answer is
there: each job ends once, its body has run once, and what an atomic one did is there once.

Which statements there are is recorded in a run without cuts, so that a new one is cut by itself.
"""

from collections import Counter, defaultdict
from itertools import count

import pytest
from django.contrib.auth.models import Group

from django_tandem.queue import control, limits, scheduler
from django_tandem.queue.control import Jobs
from django_tandem.queue.statements import statement
from django_tandem.queue.states import State
from tests import jobs as shared
from tests.integration.queue import policies, tasks
from tests.proxy import SIDES, plain
from tests.waiting import until

GONE, PARKED = "tests.jobs.gone", tasks.echo.module_path

# Some statements come by chance: held jobs go back when nothing began for a moment.
MOST_TRIES = 20

# These are not repeated on a connection.
ONCE_A_CONNECTION = ("connect", "prepare")

# And some a worker says each second, whatever happens.
A_LOOK_S = 1.5

# What must be among the statements, or the record is not that of a worker's life.
PATH = (
    ("claim", "claim"),
    ("claim", "release"),
    ("claim", "postpone"),
    ("claim", "strays"),
    ("pause", "park_claimed"),
    ("control", "cancelled"),
    ("finish", "finish"),
    ("finish", "finish_with_body"),
    ("finish", "retry"),
    ("limit", "lock"),
    ("limit", "admit"),
    ("fence", "read"),
)


class Account:
    """What was asked of a worker so far, and whether all of it came to its end once."""

    def __init__(self, folder, database, rows):
        self.folder = folder
        self.database = database
        self.rows = rows
        self.lines = folder / "lines"
        self.expected = {}
        self.groups, self.tokens = set(), set()
        self._number = count()

    # Parts of a worker's life; each enqueues, and waits where it must. Not through the proxy: that is the worker's.

    def functions(self):
        for _ in range(3):
            self._append(shared.append)

    def coroutines(self):
        self._expect(shared.asleep.enqueue(0))

    def retries(self):
        self._expect(policies.fail_until.enqueue(2, str(self.folder / f"retry-{next(self._number)}")))
        self._expect(shared.fail.enqueue("no"), State.FAILED)

    def atomic(self):
        for task in (policies.make_group_surely, policies.ask_and_keep):
            name = f"group-{next(self._number)}"
            self.groups.add(name)
            self._expect(task.enqueue(name))

    def limited(self):
        for number in range(3):
            self._expect(policies.ask.enqueue(number))

    def unknown(self):
        job = self._expect(shared.nothing.enqueue())
        self.database.execute("UPDATE tandem_job SET task = %s WHERE id = %s AND state = 1", [GONE, job])

    def paused(self):
        control.pause("task", PARKED, by="Ada")
        try:
            self._expect(tasks.echo.enqueue())
            self._expect(shared.nothing.enqueue())
            self._until_ended(lambda job: job["task"] != PARKED)
        finally:
            control.resume("task", PARKED)

    def cancelled(self):
        path, job = self._occupy()
        control.cancel(Jobs(ids=[job]), by="Ada")
        self.expected[job] = State.FAILED
        self._until_ended(lambda row: row["id"] == job)
        path.unlink()

    def held(self):
        paths = [self._occupy()[0] for _ in range(2)]
        for _ in range(4):
            self._append(shared.append)
        until(lambda: not self.rows("SELECT 1 FROM tandem_job WHERE task = 'tests.jobs.append' AND state = 2"))
        for path in paths:
            path.unlink()

    PARTS = (functions, coroutines, retries, atomic, limited, unknown, paused, cancelled, held)

    # The account

    def settle(self):
        """Wait until all has ended, as there is somebody who promotes, and a release that knows the unknown task."""
        self._until_ended(lambda _: True)

    def check(self, context):
        rows = self.rows("SELECT id, state, task, history FROM tandem_result")
        times = Counter(row["id"] for row in rows)
        assert times == Counter(self.expected.keys()), context
        ends = {row["id"]: (row["state"], row["task"], row["history"]) for row in rows}
        wrong = {job: ends[job] for job, state in self.expected.items() if ends[job][0] != state}
        assert not wrong, context
        lines = Counter(self.lines.read_text().split() if self.lines.exists() else [])
        assert lines == Counter(self.tokens), context
        assert Counter(Group.objects.values_list("name", flat=True)) == Counter(self.groups), context

    def _append(self, task):
        token = str(next(self._number))
        self.tokens.add(token)
        self._expect(task.enqueue(str(self.lines), token))

    def _occupy(self):
        """A job that runs until its file is removed."""
        path = self.folder / f"running-{next(self._number)}"
        job = self._expect(tasks.wait_for.enqueue(str(path)))
        until(path.exists)
        return path, job

    def _expect(self, result, state=State.SUCCESSFUL):
        self.expected[int(result.id)] = state
        return int(result.id)

    def _until_ended(self, which):
        def ended():
            scheduler.promote(self.database)
            scheduler.unpark(self.database)
            limits.sweep(self.database, "")
            self.database.execute(
                "UPDATE tandem_job SET task = 'tests.jobs.nothing', due = now() WHERE task = %s AND state = 0", [GONE]
            )
            return not any(map(which, self.rows("SELECT id, task FROM tandem_job")))

        try:
            until(ended)
        except AssertionError as error:
            waiting = self.rows("SELECT id, task, state, server, worker, attempt FROM tandem_job")
            raise AssertionError(f"these have not ended: {waiting}") from error


@pytest.fixture
def account(tmp_path, database, rows):
    return Account(tmp_path, database, rows)


def test_a_connection_cut_in_any_statement_loses_no_job_and_doubles_none(proxy, account, start_worker):
    worker = start_worker(through=proxy, threads=2, coroutines=2, reconnect_s=0.02).says("active")
    part_of = _statements(proxy, account)
    for exchange, part in part_of.items():
        for side in SIDES:
            context = f"{exchange}, cut {side}"
            with proxy.cutting(exchange.__eq__, side) as done:
                for attempt in range(MOST_TRIES):
                    if attempt or exchange.how in ONCE_A_CONNECTION:
                        proxy.seen.clear()
                        proxy.cut_all()
                    if attempt:  # it is said by a worker that knows how things stand
                        until(lambda: done.is_set() or any(map(_is_a_look, proxy.seen)))
                    part(account)
                    account.settle()
                    if done.wait(0 if attempt else A_LOOK_S):
                        break
            assert done.is_set(), context
            account.check(context)
    assert worker.stop() == 0
    assert "lease lost" not in worker.log
    assert "the worker process ends" not in worker.log


def _is_a_look(exchange):
    """Of the last that a worker says when it has connected, and each second."""
    return exchange.how == "run" and "SELECT id, cancelled_by" in exchange.sql


def _statements(proxy, account):
    """All that a worker says, and the part of its life in which it does most often."""
    parts_of = defaultdict(Counter)

    def live(part):
        part(account)
        account.settle()
        for exchange in proxy.seen:
            parts_of[exchange][part] += 1
        proxy.seen.clear()

    for part in (part for part in Account.PARTS for _ in range(3)):
        live(part)
    account.check("without a cut")
    proxy.cut_all()
    live(Account.functions)

    part_of = {exchange: parts.most_common(1)[0][0] for exchange, parts in parts_of.items()}
    for step, name in PATH:
        words = plain(statement(step, name).decode()).split("%(")[0]
        assert any(exchange.sql.startswith(words) for exchange in part_of), f"{step}.{name}"
    return part_of
