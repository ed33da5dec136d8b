"""The small project in tests/projects/office, as a person has it: a folder, free ports, a database of its own."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.waiting import until

ROOT = Path(__file__).parent.parent
PROJECT = ROOT / "tests" / "projects" / "office"
SERVER = os.environ["TANDEM_TEST_DATABASE_URL"]
TEMPLATE = f"office_template_{os.getpid()}"


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_database(name: str, template: str | None = None) -> str:
    """A new database; its URL."""
    with psycopg.connect(SERVER, autocommit=True) as connection:
        drop_database(name)
        like = sql.SQL(" TEMPLATE {}").format(sql.Identifier(template)) if template else sql.SQL("")
        connection.execute(sql.SQL("CREATE DATABASE {}{}").format(sql.Identifier(name), like))
    return make_conninfo(**{**conninfo_to_dict(SERVER), "dbname": name})


def drop_database(name: str) -> None:
    with psycopg.connect(SERVER, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


class Office:
    """One copy of the project. `database_url` None: nothing says where its database is."""

    def __init__(self, folder: Path, database_url: str | None, project: Path = PROJECT) -> None:
        self.folder = folder
        self.database_url = database_url
        self.port, self.health_port = free_port(), free_port()
        self.environment: dict[str, str] = {}
        self.running: list[Running] = []
        shutil.copytree(project, folder, ignore=shutil.ignore_patterns(".tandem", ".outbox", "__pycache__"))
        self.edit("127.0.0.1:8000", f"127.0.0.1:{self.port}")
        self.edit("127.0.0.1:8001", f"127.0.0.1:{self.health_port}")

    def edit(self, old: str, new: str, file: str = "tandem.toml") -> None:
        """Replace `old`, which must be there, in a file of the project."""
        path = self.folder / file
        text = path.read_text()
        assert old in text, f"{old!r} is not in {path}"
        path.write_text(text.replace(old, new))

    def append(self, text: str, file: str = "tandem.toml") -> None:
        with (self.folder / file).open("a") as opened:
            opened.write(text)

    def variables(self) -> dict[str, str]:
        """The environment of its commands: ours, without what would say otherwise, and its own."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("TANDEM_", "DJANGO_", "PG"))}
        url = {"TANDEM_DATABASE_URL": self.database_url} if self.database_url else {}
        return {**ours, "TANDEM_RELEASE": "r1", **url, **self.environment}

    def tandem(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `tandem …` to its end."""
        return subprocess.run(
            [sys.executable, "-m", "django_tandem", *words],
            cwd=self.folder,
            env={**self.variables(), **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def json(self, *words: str, **environment: str):
        """What `tandem … --json` prints; it must succeed."""
        done = self.tandem(*words, "--json", **environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start(self, *words: str, **environment: str) -> Running:
        """Start `tandem …`; it is killed at the end of the test if it still runs."""
        self.running.append(Running(self, words, {**self.variables(), **environment}))
        return self.running[-1]

    def query(self, query: str, *parameters: object):
        """The rows of a query on its database."""
        assert self.database_url
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            cursor = connection.execute(query.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def get(self, path: str, port: int | None = None, **headers: str) -> tuple[int, bytes]:
        """Status and body of a page."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=20)
        try:
            connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def answers(self, path: str, port: int | None = None) -> bool:
        """Whether a page answers with 200."""
        try:
            return self.get(path, port)[0] == 200
        except OSError:
            return False

    def close(self) -> None:
        for one in self.running:
            one.close()


class Running:
    """A command that runs. Its output is read all the time."""

    def __init__(self, office: Office, words: tuple[str, ...], environment: dict[str, str]) -> None:
        self.office = office
        self.process = subprocess.Popen(
            [sys.executable, "-m", "django_tandem", *words],
            cwd=office.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._seen: dict[int, psutil.Process] = {}

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def says(self, pattern: str, seconds: float = 40) -> re.Match[str]:
        """Wait until its output matches `pattern`."""
        return until(lambda: re.search(pattern, self.output), seconds)

    def family(self) -> list[psutil.Process]:
        """Itself and all that it started and that lives."""
        try:
            found = [psutil.Process(self.process.pid)]
            found += found[0].children(recursive=True)
        except psutil.NoSuchProcess:
            found = []
        self._seen.update({one.pid: one for one in found})
        return [one for one in self._seen.values() if _lives(one)]

    def send(self, number: signal.Signals) -> None:
        self.family()
        self.process.send_signal(number)

    def wait(self, seconds: float = 40) -> int:
        """Its exit code."""
        code = self.process.wait(seconds)
        self._reader.join(seconds)
        return code

    def stop(self, seconds: float = 40) -> int:
        """TERM, and its exit code."""
        self.send(signal.SIGTERM)
        return self.wait(seconds)

    def nothing_is_left(self) -> bool:
        """Whether nothing of what was seen of it lives any more."""
        return not self.family()

    def close(self) -> None:
        for one in self.family():
            try:
                one.kill()
            except psutil.NoSuchProcess:
                continue
        self.process.wait()
        self._reader.join(10)
        if self.process.stdout:
            self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # it ended in between
        return False
