"""One command, run to its end: an argument list, its output kept, and nothing of it left running."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from django_tandem.processes import priority


@dataclass(frozen=True, kw_only=True)
class Done:
    """How a command ended. `code`: its exit code, minus the signal that killed it, or None: its time was up.
    `stdout` and `stderr`: what it said, in the log where there is one. `seconds`: how long it ran."""

    command: tuple[str, ...]
    code: int | None
    stdout: str
    stderr: str
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether it said that it succeeded."""
        return self.code == 0

    def ended(self) -> str:
        """How it ended, in words."""
        if self.code is None:
            return f"was stopped after {self.seconds:.0f} s"
        return f"ended with exit code {self.code}" if self.code >= 0 else f"was killed by signal {-self.code}"


def run(
    command: Sequence[str],
    *,
    cwd: Path,
    timeout_s: float,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
    given: str = "",
    low: bool = False,
) -> Done:
    """Run `command` in a process group of its own. `given` is its standard input; `log`: its output is added there.
    `low`: it goes behind what serves people.

    When it has ended, its time is up or this process is interrupted, all that it started is killed. Raises OSError
    when there is no such program.
    """
    began = time.monotonic()
    with ExitStack() as files:
        stdin = files.enter_context(tempfile.TemporaryFile())
        stdin.write(given.encode())
        stdin.seek(0)
        out: IO[bytes] = files.enter_context(log.open("ab")) if log else files.enter_context(tempfile.TemporaryFile())
        err: IO[bytes] = out if log else files.enter_context(tempfile.TemporaryFile())
        if log:
            out.write(f"$ {shlex.join(command)}\n".encode())
            out.flush()
        process = subprocess.Popen(
            list(command), cwd=cwd, env=env, stdin=stdin, stdout=out, stderr=err, start_new_session=True
        )
        if low:
            priority.lower(process.pid)
        try:
            code: int | None = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(process)
        seconds = time.monotonic() - began
        said = ["", ""] if log else [_text(file) for file in (out, err)]
    return Done(command=tuple(command), code=code, stdout=said[0], stderr=said[1], seconds=seconds)


def last_lines(log: Path, most: int, characters: int = 20_000) -> tuple[str, ...]:
    """The last lines of a log that say something, at most `most`."""
    with log.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - characters))
        lines = file.read().decode(errors="replace").splitlines()
    return tuple(line.rstrip() for line in lines if line.strip())[-most:]


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of it: its group, and while it lives also what has left its group."""
    strays = []
    if process.poll() is None:
        with suppress(psutil.NoSuchProcess):
            strays = psutil.Process(process.pid).children(recursive=True)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for stray in strays:
        with suppress(psutil.NoSuchProcess):
            stray.kill()
    process.wait()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")
