"""The lending office for benchmarks: as the monolith that it was, and as two servers; by configuration alone."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from benchmarks import cores, load
from django_tandem.queue import fence

HOME = Path(__file__).parent.parent / "example" / "lendoffice"
BASE, HEALTH, BUREAU = "http://127.0.0.1:8000", "http://127.0.0.1:8001", "http://127.0.0.1:8009"
# Whom `manage.py seed` makes: the second may do everything.
CLERK, PASSWORD = "clerk", "clerk-demo"
CHIEF, CHIEF_PASSWORD = "chief", "chief-demo"

# The database users of the servers: by them the database's work is counted to a server.
MONOLITH, BACK_OFFICE, ASYNC = "monolith", "backoffice", "async"

THREADS = 4
UP_WITHIN_S = 60
DOWN_WITHIN_S = 8

# Each sends its own end-of-day work, so that it meets more than one process of the monolith.
BRANCHES = 8


class Refused(Exception):
    """The benchmark cannot run; the message says why."""


class Office:
    """An office with its history, in the database `name` of the server at `address`, and the bureau that it asks.
    `home`: the folder of its code."""

    def __init__(self, address: str, name: str, log: Path, release: str = "benchmark", home: Path = HOME) -> None:
        self.address = address
        self.release = release
        self.home = home
        self.url = make_conninfo(address, dbname=name)
        self._name = name
        self._log = log

    def prepare(self, loans: int) -> None:
        """Make what is missing: database, users, tables, `loans` loans. Refused while another office is open."""
        for address in (BASE, HEALTH, BUREAU):
            if _listens(address):
                raise Refused(f"somebody listens at {address} already: stop them first")
        with psycopg.connect(self.address, autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (self._name,)).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self._name)))
            for user in (MONOLITH, BACK_OFFICE, ASYNC):
                if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (user,)).fetchone():
                    connection.execute(sql.SQL("CREATE ROLE {} LOGIN SUPERUSER").format(sql.Identifier(user)))
                # A query stays on the core of the server that asks: a parallel one would borrow the other's.
                connection.execute(
                    sql.SQL("ALTER ROLE {} SET max_parallel_workers_per_gather = 0").format(sql.Identifier(user))
                )
        for command in (["migrate", "--verbosity", "0"], ["seed", "--loans", str(loans)]):
            self._manage(command)
        with self.connect() as connection:
            fence.activate(connection, self.release)

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection to the office's database."""
        return psycopg.connect(self.url, autocommit=True)

    @contextmanager
    def bureau(self) -> Iterator[None]:
        """The credit bureau answers."""
        with self._running([sys.executable, "-m", "bureau.stub", "8009"], {}, [], f"{BUREAU}/person?name=a"):
            yield

    @contextmanager
    def monolith(self, on: list[int]) -> Iterator[None]:
        """One server that does everything, tasks in threads of its own, on the cores `on` (none: all)."""
        workers = str(2 * max(1, len(on)))
        command = [sys.executable, "-m", "gunicorn", "--bind", "127.0.0.1:8000", "--worker-class", "gthread"]
        command += ["--workers", workers, "--threads", str(THREADS), "--log-level", "warning", "--timeout", "60"]
        variables = {
            "DJANGO_SETTINGS_MODULE": "lendoffice.settings",
            "DATABASE_URL": self._as(MONOLITH),
            "LENDOFFICE_TASKS": "threads",
        }
        with (
            cores.DatabaseCores(self.address, {MONOLITH: on} if on else {}, writers=on),
            self._running([*command, "lendoffice.wsgi"], variables, on, f"{BASE}/login/"),
        ):
            yield

    def watched_monolith(self) -> AbstractContextManager[None]:
        """The monolith on all cores, started by Tandem, so that the dashboard shows what it bears."""
        return self._server("monolith", MONOLITH, [], f"{BASE}/-/ready", "monolith.toml", LENDOFFICE_TASKS="threads")

    @contextmanager
    def split(self, back_office: list[int], async_server: list[int]) -> Iterator[None]:
        """The Back Office and the Async Server, each on cores of its own (none: all)."""
        owners = {BACK_OFFICE: back_office, ASYNC: async_server} if back_office else {}
        with (
            cores.DatabaseCores(self.address, owners, writers=async_server),
            self._server("async", ASYNC, async_server, f"{HEALTH}/-/ready"),
            self._server("backoffice", BACK_OFFICE, back_office, f"{BASE}/-/ready"),
        ):
            yield

    def settle(self) -> None:
        """Between phases: what waits is not wanted any more, and no phase inherits the dead rows of another."""
        with self.connect() as connection:
            connection.execute("TRUNCATE tandem_job, tandem_result")
            connection.execute("VACUUM ANALYZE")

    def pages(self, pages_a_payment: int = 20) -> list[load.Page]:
        """What people ask for: lists, searches, details, the report, and a payment among so many pages."""
        numbers = random.Random(11)
        with self.connect() as connection:

            def ids(query: bytes) -> list[int]:
                return [row[0] for row in connection.execute(query).fetchall()]

            loans = ids(b"SELECT id FROM loans_loan WHERE status = 'active' ORDER BY id")
            borrowers = ids(b"SELECT id FROM borrowers_borrower ORDER BY id")
            applications = ids(b"SELECT id FROM loans_application ORDER BY id")
        pages: list[load.Page] = []
        for number in range(100):
            paths = [
                "/",
                "/borrowers/?q=smith",
                f"/borrowers/{numbers.choice(borrowers)}/",
                "/applications/",
                f"/applications/{numbers.choice(applications)}/",
                "/loans/",
                "/loans/?late=30",
                f"/loans/{numbers.choice(loans)}/",
                f"/loans/{numbers.choice(loans)}/",
                "/report/",
            ]
            pages.append(("GET", paths[number % len(paths)], {}))
            if number % pages_a_payment == 0:
                form = {"amount": "1.00", "received_on": f"{time.strftime('%Y-%m-%d')}"}
                pages.append(("POST", f"/loans/{numbers.choice(loans)}/pay/", form))
        return pages

    def flood(self, loans: int) -> None:
        """Begin the end-of-day work for `loans` loans, as the clerks of several branches do."""
        cookies = self.log_in()
        for _ in range(BRANCHES):
            status = load.post(BASE, "/operations/end-of-day/", {"loans": str(loans // BRANCHES)}, cookies)
            if status != 302:
                raise Refused(f"the office refused the end-of-day work: status {status}, see {self._log}")

    def log_in(self) -> dict[str, str]:
        """The cookies of the clerk."""
        return load.log_in(BASE, CLERK, PASSWORD)

    def _as(self, user: str) -> str:
        return make_conninfo(self.url, user=user)

    def _server(
        self, role: str, user: str, on: list[int], ready: str, file: str = "tandem.toml", **more: str
    ) -> AbstractContextManager[None]:
        variables = {"TANDEM_CONFIG": str(self.home / file), "TANDEM_DATABASE_URL": self._as(user), **more}
        variables["TANDEM_RELEASE"] = self.release
        return self._running([sys.executable, "-m", "django_tandem", "serve", role], variables, on, ready)

    def _manage(self, command: list[str]) -> None:
        variables = {"DJANGO_SETTINGS_MODULE": "django_tandem.settings", "TANDEM_DATABASE_URL": self.url}
        run = [sys.executable, "manage.py", *command]
        done = subprocess.run(
            run, cwd=self.home, env=environment(variables), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise Refused(f"manage.py {command[0]} failed: {done.stderr.strip().splitlines()[-1:]}")

    @contextmanager
    def _running(self, command: list[str], variables: dict[str, str], on: list[int], ready: str) -> Iterator[None]:
        with self._log.open("ab") as log, cores.on(on):
            process = subprocess.Popen(
                command, cwd=self.home, env=environment(variables), stdout=log, stderr=log, start_new_session=True
            )
        try:
            deadline = time.monotonic() + UP_WITHIN_S
            while not _answers(ready):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise Refused(f"{' '.join(command[1:4])} … does not start; its last words are in {self._log}")
                time.sleep(0.05)
            yield
        finally:
            _end(process)


def environment(variables: dict[str, str]) -> dict[str, str]:
    """Ours, without what would say otherwise."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("TANDEM_", "DJANGO_", "PG"))}
    ours.pop("DATABASE_URL", None)
    return {**ours, **variables}


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own address
            return True
    except urllib.error.HTTPError:
        return False
    except OSError:
        return False


def _listens(url: str) -> bool:
    address = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((address.hostname or "", address.port or 80)) == 0


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end; a monolith whose threads still have thousands of tasks does not."""
    family = [psutil.Process(process.pid)] if process.poll() is None else []
    with suppress(psutil.NoSuchProcess):
        family += [child for one in family for child in one.children(recursive=True)]
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(DOWN_WITHIN_S)
    for one in family:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    process.wait()
