"""The fleet: real Async Servers, each started again when it ends, as whatever keeps servers does."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import click
import psutil

START_WITHIN_S, STOP_WITHIN_S = 60, 20
PROCESSES = 2

_FILE = """
[app]
name = "fleet"
settings = "{settings}"

[roles.backoffice]
bind = "unix:{folder}/backoffice.sock"

[roles.async]
processes = {processes}
threads = 3
coroutines = 10
drain = 3
health = "127.0.0.1:{port}"
"""
FIRST_PORT = 8311


class Fleet:
    """`count` Async Servers of the project with the module `settings`, at `release`, on the database at `url`; their
    files are in `folder`."""

    def __init__(self, url: str, folder: Path, count: int, *, settings: str, release: str) -> None:
        self.url = url
        self.settings = settings
        self.release = release
        self.folder = folder
        self.servers: list[subprocess.Popen[bytes] | None] = [None] * count

    def start(self) -> None:
        """Start all, and wait until each has its children. Raises ClickException with the last words of one that does
        not start."""
        self.revive()
        deadline = time.monotonic() + START_WITHIN_S
        while missing := [n for n in range(len(self.servers)) if len(self.family(n)) < 1 + PROCESSES + 1]:
            ended = [n for n, server in enumerate(self.servers) if server is not None and server.poll() is not None]
            if ended or time.monotonic() > deadline:
                log = self._log((ended or missing)[0])
                words = log.read_text().strip().splitlines()[-1:] or ["it said nothing"]
                raise click.ClickException(f"a server did not start: {words[0]} (logs: {self.keep_logs()})")
            time.sleep(0.1)

    def revive(self) -> None:
        """Start anew whatever has ended."""
        for number, server in enumerate(self.servers):
            if server is None or server.poll() is not None:
                self.servers[number] = self._start(number)

    def family(self, number: int) -> list[psutil.Process]:
        """The processes of a server, the supervisor first; those that have just ended may be missing."""
        server = self.servers[number]
        with suppress(psutil.NoSuchProcess):
            if server is not None:
                first = psutil.Process(server.pid)
                return [first, *first.children(recursive=True)]
        return []

    def workers(self) -> list[psutil.Process]:
        """All children of supervisors: workers and keepers."""
        return [one for number in range(len(self.servers)) for one in self.family(number)[1:]]

    def stop(self) -> None:
        """TERM, then KILL; nothing is left running."""
        families = [one for number in range(len(self.servers)) for one in self.family(number)]
        for one in families:
            with suppress(psutil.NoSuchProcess):
                one.send_signal(signal.SIGCONT)
        for server in self.servers:
            if server is not None:
                server.terminate()
        _, alive = psutil.wait_procs(families, timeout=STOP_WITHIN_S)
        for one in alive:
            with suppress(psutil.NoSuchProcess):
                one.kill()

    def keep_logs(self) -> Path:
        """Copy the servers' logs to where they outlive this run."""
        kept = Path(tempfile.mkdtemp(prefix="tandem-fleet-logs-"))
        for log in self.folder.glob("*.log"):
            shutil.copy(log, kept)
        return kept

    def _start(self, number: int) -> subprocess.Popen[bytes]:
        home = self.folder / f"server-{number}"
        home.mkdir(exist_ok=True)
        (home / "tandem.toml").write_text(
            _FILE.format(settings=self.settings, folder=home, port=FIRST_PORT + number, processes=PROCESSES)
        )
        with self._log(number).open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "django_tandem", "serve", "async", "--config", str(home / "tandem.toml")],
                stdout=log,
                stderr=log,
                env={
                    **os.environ,
                    "TANDEM_RELEASE": self.release,
                    "TANDEM_DATABASE_URL": self.url,
                    "PYTHONPATH": str(Path(__file__).parent.parent),
                },
            )

    def _log(self, number: int) -> Path:
        return self.folder / f"server-{number}.log"
