"""The queue's tables in the test database, with real commits, and worker processes on them."""

import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import pytest
from django.db import connections
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from django_tandem.queue import claim, fence, finish, lease, run, scheduler
from django_tandem.queue.claim import Owner
from django_tandem.queue.connect import connect
from django_tandem.queue.horizons import Horizons
from django_tandem.queue.interrupt import Interrupts
from django_tandem.queue.options import BACKEND
from django_tandem.queue.states import State
from tests.integration.queue import tasks
from tests.proxy import Proxy
from tests.waiting import until

RELEASE = "test"


@pytest.fixture
def transactional_db(django_db_setup, django_db_blocker):
    """pytest-django's, without the flush of all tables after each test: `database` deletes what there is."""
    with django_db_blocker.unblock():
        yield
        connections.close_all()


@pytest.fixture
def database(transactional_db):
    """A connection of the queue's own; today's partitions are there and the fence names the release "test"."""
    with connect("default", purpose="test") as connection:
        scheduler.make_partitions(connection)
        fence.activate(connection, RELEASE)
        yield connection
        for table in ("tandem_job", "tandem_result", "tandem_server", "tandem_pause", "tandem_pressure",
                      "tandem_audit", "auth_group"):  # fmt: skip
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
        connection.execute("UPDATE tandem_fence SET release = NULL, epoch = 0")


@pytest.fixture
def proxy(database):
    """Before the test database, for workers that are started through it."""
    with Proxy(os.environ["TANDEM_TEST_DATABASE_URL"]) as proxy:
        yield proxy


@pytest.fixture
def proxied(proxy):
    """This process's connections from now on, Django's and the queue's, go through it; `database` does not."""
    ours = connections["default"]
    before = {name: ours.settings_dict[name] for name in ("HOST", "PORT")}
    ours.close()
    ours.settings_dict.update(HOST=proxy.host, PORT=str(proxy.port))
    yield proxy
    ours.close()
    ours.settings_dict.update(before)


@pytest.fixture
def others(database):
    """Make more connections of the queue's own: those of other processes."""
    with ExitStack() as opened:
        yield lambda purpose="other": opened.enter_context(connect("default", purpose=purpose))


def register(connection, **changes):
    row = {
        "role": "async",
        "host": "here",
        "pid": os.getpid(),
        "release": RELEASE,
        "config_digest": "",
        "state": "active",
    }
    return lease.register(connection, **{**row, **changes})


@pytest.fixture
def server(database):
    """The id of a server that is active."""
    return register(database)


@pytest.fixture
def other_server(database):
    return register(database, host="there")


class Hand(NamedTuple):
    """What a worker does, step by step, in this process."""

    connection: object
    owner: Owner
    interrupts: Interrupts

    def claim(self, count=1, queues=("default",), horizons=None):
        epoch = fence.read(self.connection).epoch
        return claim.claim(self.connection, self.owner, epoch, horizons or Horizons(queues), count)

    def finish(self, *claimed):
        """Run what was claimed, and write the outcomes; returns them."""
        outcomes = [run.run(job, self.owner, self.interrupts) for job in claimed]
        assert finish.finish(self.connection, self.owner, outcomes) == []
        return outcomes

    def work(self, count=1, queues=("default",)):
        """Claim, run and finish; the outcomes."""
        claimed = self.claim(count, queues)
        assert claimed, "there was nothing to do"
        return self.finish(*claimed)


@contextmanager
def hand_of(connection, server):
    """No job of a hand may fail to end."""
    stuck = []
    yield Hand(connection, Owner(server, os.getpid()), Interrupts(stuck.append))
    assert stuck == []


@pytest.fixture
def hand(database, server):
    with hand_of(database, server) as hand:
        yield hand


@pytest.fixture
def other_hand(others, other_server):
    with hand_of(others(), other_server) as hand:
        yield hand


@pytest.fixture
def rows(database):
    """The rows of a query, each as a dictionary."""

    def rows(query, *parameters):
        cursor = database.execute(query.encode(), parameters or None)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    return rows


@pytest.fixture
def jobs(rows):
    """All unfinished jobs, by id."""
    return lambda: rows("SELECT * FROM tandem_job ORDER BY id")


@pytest.fixture
def results(rows):
    """All finished jobs, in the order in which they finished."""
    return lambda: rows("SELECT * FROM tandem_result ORDER BY finished_at, id")


@pytest.fixture
def finished(results):
    """Wait until so many jobs have finished; their rows by id."""

    def finished(count, seconds=20):
        until(lambda: len(results()) >= count, seconds)
        return {str(row["id"]): row for row in results()}

    return finished


@pytest.fixture
def running(tmp_path):
    """Enqueue a job that runs until its file is removed; the file."""
    made = []

    def running(task=tasks.wait_for):
        path = tmp_path / f"running-{len(made)}"
        made.append((path, task.enqueue(str(path))))
        return path

    yield running
    for path, _ in made:
        path.unlink(missing_ok=True)


def state_of(jobs):
    return [(State(job["state"]).name, job["attempt"]) for job in jobs()]


class WorkerProcess:
    """`python -m tests.integration.queue.run_worker` on the test database."""

    def __init__(self, folder, options, through=None, environment=None):
        self.log_file = folder / f"worker-{len(list(folder.iterdir()))}.log"
        address = {**conninfo_to_dict(os.environ["TANDEM_TEST_DATABASE_URL"])}
        address["dbname"] = connections["default"].settings_dict["NAME"]
        if through is not None:
            address |= {"host": through.host, "port": through.port}
        with self.log_file.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.integration.queue.run_worker", json.dumps(options)],
                env={**os.environ, "TANDEM_TEST_DATABASE_URL": make_conninfo(**address), **(environment or {})},
                stdout=log,
                stderr=log,
            )
        self.pid, self.server = self.process.pid, options["server"]

    @property
    def log(self):
        return self.log_file.read_text()

    def says(self, words, seconds=15):
        until(lambda: words in self.log or self.process.poll() is not None, seconds)
        assert words in self.log, self.log
        return self

    def send(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=20):
        """Its exit code."""
        return self.process.wait(seconds)

    def stop(self, seconds=20):
        """TERM, and its exit code."""
        self.send(signal.SIGTERM)
        return self.wait(seconds)


@pytest.fixture
def start_worker(database, server, tmp_path):
    """Start a worker process, `through` a proxy; those that live at the end of the test are killed."""
    folder, started = tmp_path / "workers", []
    folder.mkdir()

    def start(through=None, environment=None, **options):
        given = {"server": server, "release": RELEASE, **options}
        started.append(WorkerProcess(folder, given, through, environment))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.send(signal.SIGCONT)
            one.process.kill()
        one.process.wait()
    until(lambda: not backends(database, "tandem worker%"))


@pytest.fixture
def use_keys(settings, monkeypatch):
    """Configure the queue's keys, newest first, here and in the worker processes that are started from now on."""

    def use(*encrypt_keys, decrypt=()):
        options = {"encrypt_keys": encrypt_keys, "decrypt_keys": decrypt}
        monkeypatch.setenv("TANDEM_TEST_OPTIONS", json.dumps(options))
        settings.TASKS = {"default": {"BACKEND": BACKEND, "QUEUES": [], "OPTIONS": options}}

    return use


@pytest.fixture
def stored(database):
    """All that the tables hold of jobs, as text."""

    def stored():
        found = []
        for table in ("tandem_job", "tandem_result", "tandem_firing"):
            query = sql.SQL("SELECT coalesce(string_agg({0}::text, E'\n'), '') FROM {0}").format(sql.Identifier(table))
            found.append(database.execute(query).fetchone()[0])
        return "\n".join(found)

    return stored


def backends(connection, like):
    """The processes of the database that serve connections whose application_name is like this."""
    query = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE %s AND datname = current_database()"
    return [pid for (pid,) in connection.execute(query, [like])]
