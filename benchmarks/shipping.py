"""A project in a repository of its own, and the pipeline that ships it: `tandem` as processes, as a person runs it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.office import Refused, environment
from django_tandem.release.hosts import on_host

INTERRUPTED_WITHIN_S = 15.0
NOT_COMMITTED = (".tandem/", ".outbox/", "__pycache__/")
IDENTITY = ("Tandem", "tandem@localhost")


class Repository:
    """A copy of the folder `project` in `folder`, with a git repository of its own. Its `.tandem` stays where it is."""

    def __init__(self, folder: Path, project: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            if path.name != ".tandem":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        ignored = shutil.ignore_patterns(*(name.rstrip("/") for name in NOT_COMMITTED))
        shutil.copytree(project, folder, ignore=ignored, dirs_exist_ok=True)
        (folder / ".gitignore").write_text("".join(f"{name}\n" for name in NOT_COMMITTED))
        self._git("init", "--quiet", "--template=", "--initial-branch=main")
        # Who commits here needs no identity of their own.
        for key, value in zip(("user.name", "user.email"), IDENTITY, strict=True):
            self._git("config", key, value)

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace `old`, which must be there, in a file."""
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        if old not in text:
            raise Refused(f"{path} has no {old!r} any more")
        path.write_text(text.replace(old, new), encoding="utf-8")

    def commit(self, subject: str) -> str:
        """Commit all that is there; the commit."""
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", subject)
        return self._git("rev-parse", "HEAD").strip()

    def _git(self, *words: str) -> str:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        alone = {**ours, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        try:
            done = subprocess.run(
                ["git", *words],  # noqa: S607
                cwd=self.folder,
                env=alone,
                capture_output=True,
                text=True,
                check=False,
            )
        except FileNotFoundError:
            raise Refused("git is not found on PATH: install it, a release is made from a commit") from None
        if done.returncode:
            raise Refused(f"git {words[0]} in {self.folder} failed: {' '.join(done.stderr.split())}")
        return done.stdout


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a command printed on a line, and when, by the monotonic clock."""

    at: float
    line: str


class Pipeline:
    """The `tandem` commands of the project in `folder`. `variables`: environment variables that they have."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self.folder = folder
        self._variables = environment(dict(variables))

    def run(self, *words: str) -> str:
        """Run `tandem …` to its end; what it printed. Raises Refused where it fails."""
        done = subprocess.run(
            [sys.executable, "-m", "django_tandem", *words],
            cwd=self.folder,
            env=self._variables,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Refused(f"tandem {' '.join(words)} failed: {_last(done.stderr)}")
        return done.stdout

    def show(self, run: int) -> dict[str, Any]:
        """All that is known of a run."""
        facts: dict[str, Any] = json.loads(self.run("pipeline", "show", str(run), "--json"))
        return facts

    def follow(self, *words: str, hear: Callable[[Said], None]) -> None:
        """Run `tandem …`, and let `hear` have each line as it comes. Raises Refused where it fails.

        Where `hear` raises, or this process is interrupted, the command is too, and nothing of it is left.
        """
        process = subprocess.Popen(
            [sys.executable, "-m", "django_tandem", *words],
            cwd=self.folder,
            env={**self._variables, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert process.stdout
        line = ""
        try:
            for line in process.stdout:
                hear(Said(at=time.monotonic(), line=line.rstrip("\n")))
            if process.wait():
                raise Refused(f"tandem {' '.join(words)} ended with {process.returncode}: {line.strip()}")
        finally:
            interrupt(process)
            process.stdout.close()

    def end(self) -> None:
        """End all servers of the project, and the agent that runs them."""
        on_host.end(self.folder / ".tandem")


def interrupt(process: subprocess.Popen[Any]) -> None:
    """Ctrl-C for a process that runs yet; what it leaves behind is killed."""
    family = []
    if process.poll() is None:
        with suppress(psutil.NoSuchProcess):
            family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(INTERRUPTED_WITHIN_S)
    for one in family:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    process.kill()
    process.wait()


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["no word"])[-1]
