"""The agent of a host: it holds the addresses of the roles and runs the servers of releases, as long as it lives.

`python -m django_tandem.release.hosts.agent ROOT`, once a host. It is told what to do on a Unix socket that only its
own user can reach: a line of JSON in, a line of JSON out. An address is bound once and handed to each server of its
role, so that a release takes it over from another without a moment in which nobody listens.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from django_tandem.errors import PortTaken, TandemError
from django_tandem.processes import sockets
from django_tandem.processes.postgres import start_embedded
from django_tandem.release.hosts.places import Places
from django_tandem.release.hosts.served import ASK_AT, Served, Wanted

logger = logging.getLogger("django_tandem.agent")

LONGEST_LINE = 16 * 1024 * 1024

# What servers of an agent that was killed are given to finish what they run: until then they listen.
LEFT_S = 60.0
LOOK_EVERY_S = 0.2


class Agent:
    """What runs on this host, by role and release."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._sockets: dict[str, socket.socket] = {}
        self._servers: dict[tuple[str, str], Served] = {}
        self._ended = asyncio.Event()
        self._began = time.time()
        self._starting = asyncio.Lock()
        # Servers hold the other end: it ends when this process does, and so do they.
        self._lifeline, self._held = os.pipe()

    async def run(self) -> None:
        """Listen until told to end."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._ended.set)
        self._places.agent.unlink(missing_ok=True)
        mask = os.umask(0o077)
        server = await asyncio.start_unix_server(self._converse, self._places.agent, limit=LONGEST_LINE)
        os.umask(mask)
        logger.info("the agent holds %s (pid %s)", self._places.root, os.getpid())
        await self._ended.wait()
        server.close()
        await asyncio.gather(*(served.stop() for served in self._servers.values()))
        self._places.agent.unlink(missing_ok=True)

    async def start(self, wanted: Wanted) -> dict[str, Any]:
        """Start a server, unless it runs. Its address is bound by the first of them."""
        async with self._starting:  # what is asked twice is started once, also where the address is waited for
            return await self._start(wanted)

    async def _start(self, wanted: Wanted) -> dict[str, Any]:
        known = self._servers.get(wanted.key)
        if known is None or not known.lives:
            if wanted.embedded is not None:
                start_embedded(Path(wanted.embedded))  # it runs as long as this process does
            if wanted.address not in self._sockets:
                self._sockets[wanted.address] = await self._listen(wanted)
            ask_at, log = self._places.server(*wanted.key), self._places.log / f"{wanted.role}.log"
            known = Served(wanted, self._sockets[wanted.address], ask_at, log, self._lifeline)
            self._servers[wanted.key] = known
            await known.start()
        return known.facts()

    async def _listen(self, wanted: Wanted) -> socket.socket:
        """Raises PortTaken where somebody else listens there, or the servers of an agent before this one go on."""
        deadline, is_told = time.monotonic() + LEFT_S, False
        while True:
            try:
                return sockets.listen(wanted.address, f"roles.{wanted.role}")
            except PortTaken:
                if time.monotonic() > deadline or not _are_left(self._places, self._began):
                    raise
            if not is_told:
                logger.info("%s waits for %s: servers of an agent before this one hold it", wanted.role, wanted.address)
                is_told = True
            await asyncio.sleep(LOOK_EVERY_S)

    async def stop(self, role: str, release: str, drain_s: float) -> dict[str, Any]:
        """Let a server finish what it runs, at most `drain_s`, and end it. Where it was the last of its address, nobody
        listens there any more."""
        served = self._servers.get((role, release))
        if served is None:
            return {"stopped": False}
        await served.stop(drain_s)
        del self._servers[role, release]
        address = served.wanted.address
        if all(other.wanted.address != address for other in self._servers.values()):
            self._sockets.pop(address).close()
            sockets.remove(address)
        return {"stopped": True}

    async def servers(self) -> dict[str, Any]:
        """What it runs."""
        return {"servers": [served.facts() for served in self._servers.values()], "pid": os.getpid()}

    async def end(self) -> dict[str, Any]:
        """Stop everything, and end."""
        self._ended.set()
        return {"ended": os.getpid()}

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while line := await reader.readline():
                writer.write(json.dumps(await self._answer(json.loads(line))).encode() + b"\n")
                await writer.drain()
            writer.close()

    async def _answer(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        verb, facts = asked["verb"], asked.get("facts", {})
        try:
            if verb == "start":
                return await self.start(Wanted(**facts))
            if verb == "stop":
                return await self.stop(**facts)
            if verb in ("servers", "end"):
                return await (self.servers() if verb == "servers" else self.end())
        except (TandemError, OSError) as error:
            return {"error": str(error)}
        except Exception as error:
            logger.exception("%s failed", verb)
            return {"error": f"{type(error).__name__}: {error}"}
        return {"error": f"the agent does not know {verb!r}: it is of another version; end it, and ship again"}


def _are_left(places: Places, since: float) -> bool:
    """Whether a server lives that an agent of this root started before `since`."""
    for process in psutil.process_iter(["status", "create_time"]):
        with suppress(psutil.Error):  # another user's, or gone
            asked_at = process.environ().get(ASK_AT, "").removeprefix("unix:")
            is_there = process.info["status"] != psutil.STATUS_ZOMBIE and process.info["create_time"] < since
            if is_there and Path(asked_at).is_relative_to(places.run):
                return True
    return False


def main(root: Path) -> int:
    """Hold `root` until TERM, as nobody's child; 1 where another agent does."""
    places = Places(root)
    places.make()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    with (places.run / "agent.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 1
        if os.fork():
            os._exit(0)  # who started it need not wait for it; the lock is the child's now
        asyncio.run(_live(places))
    return 0


async def _live(places: Places) -> None:
    await Agent(places).run()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
