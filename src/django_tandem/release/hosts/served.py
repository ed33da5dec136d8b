"""One server of a release, as the agent keeps it: started, started again when it dies, stopped."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
from asyncio.subprocess import DEVNULL, Process
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django_tandem.processes.command import last_lines

logger = logging.getLogger("django_tandem.agent")

# One that lived for less died at its start: each further try comes after a longer pause.
EARLY_S = 5.0
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 8.0

# Beyond its own drain deadline a server needs a moment to end; then it is hurried, and at last killed.
HARD_STOP_S = 10.0

LONGEST_LOG = 20 * 1024 * 1024

# Where it answers its agent; by this it is known whose it was.
ASK_AT = "TANDEM_ASK_AT"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A server that is to run. `words` is its command as a list; `environment` is all that it gets, and may hold
    secrets; `address` is that of its role, `drain_s` what it is given to end; `embedded` the folder of the database
    that it needs to be running, where that is an embedded one."""

    role: str
    release: str
    address: str
    words: list[str]
    environment: dict[str, str]
    folder: str
    drain_s: float
    embedded: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from others on its host."""
        return self.role, self.release


class Served:
    """A server that runs, or is about to again. `listening` is the socket of its role, `ask_at` the path of its own."""

    def __init__(self, wanted: Wanted, listening: socket.socket, ask_at: Path, log: Path, lifeline: int) -> None:
        self.wanted = wanted
        self.ask_at = ask_at
        self._listening = listening
        self._log = log
        self._lifeline = lifeline
        self._process: Process | None = None
        self._started = 0.0
        self._deaths = 0
        self._following: asyncio.Task[None] | None = None

    @property
    def lives(self) -> bool:
        """Whether it runs, or will."""
        return self._following is not None and not self._following.done()

    def facts(self) -> dict[str, Any]:
        """Who it is, and where it answers."""
        return {
            "role": self.wanted.role,
            "release": self.wanted.release,
            "pid": self._process.pid if self._process and self._process.returncode is None else None,
            "ask_at": str(self.ask_at),
            "deaths": self._deaths,
            "address": self.wanted.address,
            "log": str(self._log),
            "said": " ".join(last_lines(self._log, 1)) if self._deaths else None,
        }

    async def start(self) -> None:
        """Start it, and keep it alive from now on."""
        await self._spawn()
        self._following = asyncio.create_task(self._follow())

    async def stop(self, drain_s: float | None = None) -> None:
        """TERM; INT when it overstays its drain; KILL when it ignores that. Returns when it is gone."""
        if self._following is not None:
            self._following.cancel()
        process, seconds = self._process, self.wanted.drain_s if drain_s is None else drain_s
        if process is not None and process.returncode is None:
            for number, patience in ((signal.SIGTERM, seconds + HARD_STOP_S), (signal.SIGINT, HARD_STOP_S)):
                self._send(process, number)
                if await _ends(process, patience):
                    break
            else:
                logger.warning("%s %s (pid %s) does not end: killed", *self.wanted.key, process.pid)
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        self.ask_at.unlink(missing_ok=True)

    async def _spawn(self) -> None:
        if self._log.exists() and self._log.stat().st_size > LONGEST_LOG:
            self._log.replace(self._log.with_suffix(".log.1"))
        listening, lifeline = os.dup(self._listening.fileno()), os.dup(self._lifeline)
        environment = {
            **self.wanted.environment,
            "TANDEM_LISTEN_FD": str(listening),
            "TANDEM_LIFELINE_FD": str(lifeline),
            ASK_AT: str(self.ask_at),
            "PYTHONUNBUFFERED": "1",
        }
        try:
            with self._log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    *self.wanted.words,
                    cwd=self.wanted.folder,
                    env=environment,
                    stdin=DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(listening, lifeline),
                    start_new_session=True,
                )
        finally:
            os.close(listening)
            os.close(lifeline)
        self._started = time.monotonic()
        logger.info("%s %s runs (pid %s)", *self.wanted.key, self._process.pid)

    async def _follow(self) -> None:
        """Until `stop` cancels it."""
        while self._process is not None:
            status = await self._process.wait()
            early = time.monotonic() - self._started < EARLY_S
            self._deaths = self._deaths + 1 if early else 1
            pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(self._deaths - 1, 10))
            logger.warning("%s %s died (status %s): again in %.1f s", *self.wanted.key, status, pause)
            await asyncio.sleep(pause)
            await self._spawn()

    def _send(self, process: Process, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            process.send_signal(number)
            process.send_signal(signal.SIGCONT)  # a stopped process takes its signal only when it goes on


async def _ends(process: Process, seconds: float) -> bool:
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(process.wait(), seconds)
        return True
    return False
