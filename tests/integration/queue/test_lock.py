"""Named locks: one at a time over all processes, freed by its holder's death, told when lost."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from types import SimpleNamespace

import psycopg
import pytest
from django.core.exceptions import SynchronousOnlyOperation
from django.db import connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from django_tandem import lock
from django_tandem.errors import ConfigurationError, DatabaseUnreachable, LockLost, LockTaken
from django_tandem.queue import lock_holders, lock_session
from tests.integration.queue import policies
from tests.integration.queue.conftest import backends
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture(autouse=True)
def nothing_is_left(database):
    yield
    until(lambda: not backends(database, "tandem lock %"))


@pytest.fixture
def start():
    """Start tests.integration.queue.hold_lock; those that live at the end are killed."""
    address = {**conninfo_to_dict(os.environ["TANDEM_TEST_DATABASE_URL"])}
    address["dbname"] = connection.settings_dict["NAME"]
    started = []

    def start(*words):
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "tests.integration.queue.hold_lock", *words],
                env={**os.environ, "TANDEM_TEST_DATABASE_URL": make_conninfo(**address), "TANDEM_ROLE": "async"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.communicate()


@pytest.fixture
def holder(start):
    """A process that holds the lock "month-end"."""
    process = start("month-end", "hold")
    assert process.stdout.readline() == "held\n"
    return process


@pytest.fixture
def in_thread():
    """Call a function in a thread; `.result` is there when it has ended."""
    threads = []

    def in_thread(function):
        done = SimpleNamespace(thread=None)

        def work():
            try:
                done.result = function()
            except Exception as error:  # noqa: BLE001 - the test looks at it
                done.result = error

        done.thread = threading.Thread(target=work)
        threads.append(done.thread)
        done.thread.start()
        return done

    yield in_thread
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


def waiting(name="month-end"):
    return [len(one.waiting) for one in lock_holders.listed() if one.name == name] or [0]


def take(name="month-end", **options):
    with lock(name, **options) as held:
        held.check()
        return held


def cut(database, name="month-end"):
    """End the session that holds the lock."""
    database.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = %s",
        [f"tandem lock {name}"],
    )


class TestOneAtATime:
    def test_many_processes_are_in_the_block_one_after_the_other(self, start, tmp_path):
        number = tmp_path / "number"
        number.write_text("0")
        processes = [start("count", "count", str(number)) for _ in range(6)]
        assert [process.wait(60) for process in processes] == [0] * 6
        assert number.read_text() == "120"

    def test_the_next_goes_on_when_the_block_ends(self, holder, in_thread):
        waits = in_thread(take)
        until(lambda: waiting() == [1])
        assert waits.thread.is_alive()
        holder.communicate("\n")
        waits.thread.join(20)
        assert waits.result.name == "month-end"

    def test_the_next_goes_on_when_its_holder_is_killed(self, holder, in_thread):
        waits = in_thread(take)
        until(lambda: waiting() == [1])
        holder.kill()
        waits.thread.join(20)
        assert waits.result.name == "month-end"

    def test_a_child_that_its_holder_forked_does_not_keep_it(self, start):
        parent = start("month-end", "fork")
        child = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
        take(wait=20)
        os.kill(child, signal.SIGKILL)  # it lived until now

    def test_two_names_do_not_know_each_other(self, holder):
        assert take("month-start", wait=0).name == "month-start"

    @pytest.mark.parametrize("name", ["x" * 5000, "Zins für März", "日本", "it's 100% \\ \0 /* ; --", " "])
    def test_any_text_is_a_name(self, name, in_thread):
        with lock(name) as held:
            refused = in_thread(lambda: take(name, wait=0))
            take(name + "x", wait=0)
            refused.thread.join(20)
            assert isinstance(refused.result, LockTaken)
            held.check()
            (listed,) = lock_holders.listed()
            if len(name) < 100:
                assert listed.name == name
            else:
                assert listed.name.rstrip("…") == name[: len(listed.name) - 1]
                assert len(listed.name) > 500
            assert (listed.holder.process, listed.holder.since) == (os.getpid(), held.since)

    def test_who_waits_keeps_no_index_from_being_built(self, database, in_thread):
        with lock("month-end"):
            waits = in_thread(take)
            until(lambda: waiting() == [1])
            database.execute("CREATE INDEX CONCURRENTLY group_by_name ON auth_group (name)")
            database.execute("DROP INDEX group_by_name")
            assert waits.thread.is_alive()
        waits.thread.join(20)
        assert waits.result.name == "month-end"


class TestWaiting:
    def test_not_at_all_it_is_told_who_holds_it(self, holder):
        with pytest.raises(LockTaken, match=rf"^lock month-end is taken: async process {holder.pid} on \S+ since 20"):
            take(wait=0)

    @pytest.mark.parametrize("turn", [2.0, 0.05])
    def test_so_long_and_no_longer(self, holder, monkeypatch, turn):
        monkeypatch.setattr(lock_session, "TURN_S", turn)
        with pytest.raises(LockTaken, match=r"^lock month-end is taken, and was so for 0\.3 s: async process"):
            take(wait=0.3)

    def test_it_comes_in_a_later_turn_too(self, holder, in_thread, monkeypatch):
        monkeypatch.setattr(lock_session, "TURN_S", 0.02)
        waits = in_thread(lambda: take(wait=60))
        until(lambda: 1 in waiting())
        until(lambda: waiting() == [0])  # between two turns
        holder.communicate("\n")
        waits.thread.join(20)
        assert waits.result.name == "month-end"

    def test_the_projects_statement_timeout_does_not_end_it(self, holder, in_thread, monkeypatch):
        monkeypatch.setitem(connection.settings_dict, "OPTIONS", {"options": "-c statement_timeout=100"})
        with pytest.raises(LockTaken):
            take(wait=0.5)

    def test_a_database_that_goes_away_meanwhile_is_told(self, holder, in_thread, database):
        waits = in_thread(take)
        until(lambda: waiting() == [1])
        query = "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        database.execute(query)
        waits.thread.join(20)
        assert isinstance(waits.result, DatabaseUnreachable)
        assert str(waits.result).startswith("lock month-end: the database ")

    def test_a_task_that_waits_is_interrupted_at_its_timeout(self, holder, hand, monkeypatch):
        monkeypatch.setattr(lock_session, "TURN_S", 600)  # it is not the end of a turn that lets it through
        waits, after = policies.wait_for_lock.enqueue("month-end"), policies.wait_for_lock.enqueue("free")
        hand.work(2)
        waits.refresh()
        after.refresh()
        assert [error.exception_class_path for error in waits.errors] == ["django_tandem.errors.TimedOut"]
        assert after.return_value == "free"


class TestLost:
    def test_the_holder_learns_it_when_it_asks_and_when_the_block_ends(self, database):
        entered = lock("month-end")
        held = entered.__enter__()
        held.check()
        cut(database)
        with pytest.raises(LockLost, match=r"^lock month-end is lost"):
            held.check()
        with pytest.raises(LockLost, match=r"^lock month-end was lost before its block ended"):
            entered.__exit__(None, None, None)

    def test_what_the_block_raised_goes_on_and_the_loss_is_logged(self, database, caplog):
        @lock("month-end")
        def lose_and_raise():
            cut(database)
            raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            lose_and_raise()
        assert "lock month-end was lost before its block ended" in caplog.text

    def test_after_it_the_lock_can_be_taken_anew(self, database):
        with suppress(LockLost), lock("month-end"):
            cut(database)
        take(wait=0)


class TestBlocks:
    def test_what_the_block_raises_goes_on_and_the_lock_is_free(self):
        with pytest.raises(KeyError, match="mine"), lock("month-end"):
            raise KeyError("mine")
        take(wait=0)

    def test_a_block_in_a_block_of_its_thread_is_one_with_it(self, in_thread):
        with lock("month-end") as outer:
            with lock("month-end", wait=0) as inner:
                assert inner is outer
            other = in_thread(lambda: take(wait=0))
            other.thread.join(20)
            assert isinstance(other.result, LockTaken)
        take(wait=0)

    def test_one_object_serves_many_threads(self, in_thread):
        month_end, inside = lock("month-end"), []

        def enter():
            with month_end:
                inside.append(1)
                assert len(inside) == 1
                inside.pop()
            return "done"

        ends = [in_thread(enter) for _ in range(8)]
        for end in ends:
            end.thread.join(20)
        assert [end.result for end in ends] == ["done"] * 8

    def test_a_function(self, in_thread):
        @lock("month-end", wait=0)
        def close_month(number, *, by):
            """Its own words."""
            assert waiting() == [0]
            other = in_thread(lambda: take(wait=0))
            other.thread.join(20)
            assert isinstance(other.result, LockTaken)
            return number, by

        assert close_month.__doc__ == "Its own words."
        assert close_month(7, by="Ada") == (7, "Ada")
        take(wait=0)

    @pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # other tests' threads
    def test_a_forked_child_does_not_hold_it_and_leaves_it_to_its_parent(self):
        entered = lock("month-end")
        held = entered.__enter__()
        if not (child := os.fork()):
            code = 1
            with suppress(BaseException):
                try:
                    held.check()
                except LockLost:
                    entered.__exit__(None, None, None)
                    code = 0
            os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        held.check()
        entered.__exit__(None, None, None)

    def test_one_that_is_left_elsewhere_than_it_was_entered_is_told(self, in_thread):
        entered = lock("month-end")
        entered.__enter__()
        elsewhere = in_thread(lambda: entered.__exit__(None, None, None))
        elsewhere.thread.join(20)
        assert str(elsewhere.result).startswith("lock month-end: its block is left in another thread or task")
        entered.__exit__(None, None, None)


class TestCoroutines:
    @pytest.fixture(autouse=True)
    def named(self, monkeypatch):
        monkeypatch.setenv("TANDEM_ROLE", "backoffice")

    def test_tasks_are_in_the_block_one_after_the_other_and_the_loop_goes_on(self):
        inside, beats = [], []

        async def enter():
            async with lock("month-end") as held:
                inside.append(1)
                assert len(inside) == 1
                await held.acheck()
                inside.pop()

        async def beat():
            while True:
                beats.append(1)
                await asyncio.sleep(0)

        async def main():
            beating = asyncio.create_task(beat())
            await asyncio.gather(*(enter() for _ in range(8)))
            beating.cancel()

        asyncio.run(main())
        assert len(beats) > 100

    def test_one_that_is_cancelled_while_it_waits_waits_no_more(self, holder, database):
        async def main():
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(enter(), 0.5)

        async def enter():
            async with lock("month-end"):
                raise AssertionError("it is another's")

        asyncio.run(main())
        until(lambda: len(backends(database, "tandem lock %")) == 1)

    def test_one_that_is_cancelled_inside_frees_it(self):
        async def enter(entered):
            async with lock("month-end"):
                entered.set()
                await asyncio.sleep(60)

        async def main():
            entered = asyncio.Event()
            task = asyncio.create_task(enter(entered))
            await entered.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            async with lock("month-end", wait=0):
                pass

        asyncio.run(main())

    def test_more_wait_than_a_pool_has_threads_and_the_holder_still_ends(self):
        async def enter():
            async with lock("month-end"):
                await asyncio.to_thread(int)
            return 1

        async def main():
            return sum(await asyncio.gather(*(enter() for _ in range(15))))

        assert asyncio.run(main()) == 15

    def test_a_coroutine_function_and_a_block_in_its_block(self):
        @lock("month-end")
        async def close_month(number):
            async with lock("month-end", wait=0) as held:
                await held.acheck()
            with pytest.raises(LockTaken, match=r"backoffice process \d+ on"):
                await asyncio.create_task(other())
            return number

        async def other():
            async with lock("month-end", wait=0):
                pass

        assert asyncio.run(close_month(7)) == 7
        take(wait=0)

    def test_a_lost_one_is_told(self, database):
        async def main():
            async with lock("month-end") as held:
                await asyncio.to_thread(cut, database)
                with pytest.raises(LockLost, match="is lost"):
                    await held.acheck()

        with pytest.raises(LockLost, match="was lost before its block ended"):
            asyncio.run(main())

    def test_what_would_hold_up_the_loop_is_refused(self):
        async def main():
            async with lock("month-end") as held:
                with pytest.raises(SynchronousOnlyOperation, match=r"await held\.acheck"):
                    held.check()
            with lock("month-end"):
                pass

        with pytest.raises(SynchronousOnlyOperation, match=r"it is `async with lock\(…\)`"):
            asyncio.run(main())


class TestListed:
    def test_who_holds_it_and_who_waits(self, holder, in_thread):
        assert [one.name for one in lock_holders.listed()] == ["month-end"]
        waits = in_thread(lambda: take(wait=60))
        until(lambda: waiting() == [1])
        (listed,) = lock_holders.listed()
        assert (listed.holder.process, listed.holder.role) == (holder.pid, "async")
        assert [one.process for one in listed.waiting] == [os.getpid()]
        assert listed.holder.since < listed.waiting[0].since
        holder.communicate("\n")
        waits.thread.join(20)

    def test_other_advisory_locks_are_not(self, others):
        others("lock holder of another kind").execute("SELECT pg_advisory_lock(1, 2), pg_advisory_lock(7, 0)")
        others("other").execute("SELECT pg_advisory_lock(7)")
        assert lock_holders.listed() == []

    def test_where_statements_are_hidden_the_connections_own_name_stands(self, database):
        now = database.execute("SELECT now()").fetchone()[0]
        rows = [(1, True, "<insufficient privilege>", "tandem lock month-end", now)]
        assert lock_holders.named(rows) == [("month-end", ("?", 0, "", now), [])]


def test_it_lives_as_long_as_its_session(database):
    with lock("month-end") as held:
        for name, value in (("idle_session_timeout", "0"), ("statement_timeout", "0")):
            assert held.session._connection.execute(f"SHOW {name}".encode()).fetchone() == (value,)


def test_a_pooler_is_refused(monkeypatch):
    monkeypatch.setattr(psycopg.ConnectionInfo, "backend_pid", 1)
    with pytest.raises(ConfigurationError, match=r"^DATABASES\['default'\] is answered by a pooler"):
        take()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda: lock(""), r"name is ''; expected a text"),
        (lambda: lock(7), r"name is 7; expected a text"),
        (lambda: lock("x", wait=-1), r"wait is -1; expected seconds from 0 to 2592000, or None"),
        (lambda: lock("x", wait=float("nan")), r"wait is nan; expected"),
        (lambda: lock("x", wait=True), r"wait is True; expected"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, told):
    with pytest.raises(ValueError, match=told):
        wrong()


def test_above_a_task_or_a_generator_it_is_refused():
    def numbers():
        yield 1

    for function in (numbers, policies.ask):
        with pytest.raises(TypeError, match=r"^@lock\('x'\) is above .*of a task it stands below @task"):
            lock("x")(function)
