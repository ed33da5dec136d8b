"""The pipeline's tables in the test database, with real commits, and other processes on them."""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from django.db import connections

from django_tandem.pipeline import ledger, lock
from django_tandem.pipeline.stages import RunState
from django_tandem.queue.connect import connect
from tests import office as offices
from tests.disk import CannotMount, Disk
from tests.integration.pipeline.shop import Shop

COMMIT = "c0ffee" + "0" * 34
OTHER = "deed" + "0" * 36
DISK_MB = 48

# Rows of the ledger are kept from everybody: a test that wants an empty one says so to the tables themselves.
_EMPTY = """
    ALTER TABLE tandem_step DISABLE TRIGGER USER;
    ALTER TABLE tandem_approval DISABLE TRIGGER USER;
    DELETE FROM tandem_notice;
    DELETE FROM tandem_lock;
    DELETE FROM tandem_approval;
    DELETE FROM tandem_step;
    DELETE FROM tandem_run;
    DELETE FROM tandem_release;
    ALTER TABLE tandem_step ENABLE ALWAYS TRIGGER tandem_step_is_kept;
    ALTER TABLE tandem_step ENABLE ALWAYS TRIGGER tandem_step_is_not_emptied;
    ALTER TABLE tandem_approval ENABLE ALWAYS TRIGGER tandem_approval_is_decided_once;
    ALTER TABLE tandem_approval ENABLE ALWAYS TRIGGER tandem_approval_is_kept;
"""


@pytest.fixture
def transactional_db(django_db_setup, django_db_blocker):
    """pytest-django's, without the flush of all tables after each test: `ledgers` deletes what there is."""
    with django_db_blocker.unblock():
        yield
        connections.close_all()


@pytest.fixture
def ledgers(transactional_db):
    """A connection to the pipeline's tables, which are empty."""
    with connect("default", purpose="test") as connection:
        yield connection
    with connect("default", purpose="test") as connection:
        connection.execute(_EMPTY, prepare=False)


@pytest.fixture
def others(ledgers):
    """Make more connections: those of other processes."""
    with ExitStack() as opened:
        yield lambda: opened.enter_context(connect("default", purpose="other"))


@pytest.fixture
def begin(ledgers):
    """Begin a run; what is not said is usual."""

    def begin(commit=COMMIT, **changes):
        usual = {"ref": "main", "by": "ada", "via": "here", "policy": "supersede"}
        return ledger.begin_run(ledgers, commit, **{**usual, **changes})

    return begin


@pytest.fixture
def held(ledgers):
    """This process drives."""
    return lock.acquire(ledgers)


@pytest.fixture
def running(ledgers, held, begin):
    """The number of a run that this process drives."""
    run = begin().run.id
    ledger.move(ledgers, held, run, RunState.RUNNING)
    return run


@pytest.fixture
def state(ledgers):
    """The state of a run, in words."""
    return lambda run: ledger.read_run(ledgers, run).state.value


@pytest.fixture
def process(ledgers):
    """Start `python -m tests.integration.pipeline.other WORDS` on the test database; it is killed after the test."""
    started = []

    def process(*words):
        name = connections["default"].settings_dict["NAME"]
        one = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.pipeline.other", *map(str, words)],
            env={**os.environ, "TEST_DATABASE": name},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(one)
        return one

    yield process
    for one in started:
        one.kill()
        one.wait()
        one.stdin.close()
        one.stdout.close()


@pytest.fixture
def office(tmp_path, office_template):
    """In place of the small project's: the same in a repository."""
    name = f"shop_{os.getpid()}_{tmp_path.name[-20:].replace('-', '_')}".lower()
    one = Shop(tmp_path / "office", offices.make_database(name, office_template))
    yield one
    one.close()
    offices.drop_database(name)


@pytest.fixture(scope="session")
def shipped(office_template):
    """One whose first release is live: it is made once for all tests that leave what they found. On a small disk, where
    one can be mounted: not below pytest's folder, which another session would then fail to remove."""
    name = f"shop_{os.getpid()}"
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="tandem-shop-")))
        disk = None
        with suppress(CannotMount):
            disk = Disk(folder, DISK_MB)
            opened.callback(disk.close)
        one = Shop(folder / "office", offices.make_database(name, office_template), disk=disk)
        opened.callback(offices.drop_database, name)
        opened.callback(one.close)
        assert one.ship()["state"] == "live"
        yield one


@pytest.fixture
def shop(shipped):
    """It, with what is live; what a test of it committed is not what the next one builds on."""
    yield shipped
    shipped.repository.git("reset", "--hard", "--quiet", shipped.first)


@pytest.fixture
def second(shop):
    """A release that was live before the one that is live now, in a shop whose two releases take turns."""
    one, other = shop.first[:12], shop.turn()
    return one if shop.live() == other else other


def told(process):
    """The next line that a process prints, as JSON."""
    line = process.stdout.readline()
    assert line, f"it ended with {process.wait()}"
    return json.loads(line)
