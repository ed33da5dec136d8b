"""A server that runs and is ready, and which of its processes is which."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket

import psutil

from tests.waiting import until

READY_S = 60


class Server:
    """`tandem serve ROLE`. `address` answers for its health: a port, or the path of a Unix socket."""

    def __init__(self, office, role, address, **environment):
        self.office, self.address = office, address
        self.running = office.start("serve", role, **environment)
        self.pid = self.running.process.pid

    def ask(self, path, **headers):
        """Status and JSON of a page."""
        connection = http.client.HTTPConnection("127.0.0.1", timeout=20)
        family = socket.AF_INET if isinstance(self.address, int) else socket.AF_UNIX
        connection.sock = socket.socket(family)
        try:
            connection.sock.connect(("127.0.0.1", self.address) if isinstance(self.address, int) else self.address)
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def is_ready(self):
        try:
            return self.ask("/-/ready")[0] == 200
        except (OSError, http.client.HTTPException):
            assert self.running.process.poll() is None, self.running.output
            return False

    def ready(self):
        """Wait until it is."""
        until(self.is_ready, READY_S)
        self.running.family()
        return self

    @property
    def id(self):
        ((found,),) = self.office.query("SELECT id FROM tandem_server WHERE pid = %s", self.pid)
        return found

    @property
    def state(self):
        ((found,),) = self.office.query("SELECT state FROM tandem_server WHERE pid = %s", self.pid)
        return found

    def children(self):
        """The supervisor's children: the keeper, and the workers or gunicorn's arbiter."""
        return [one.pid for one in psutil.Process(self.pid).children() if lives(one)]

    def workers(self):
        """The worker processes of an Async Server that have connected to the database."""
        name = f"tandem worker {self.id}-"
        rows = self.office.query(
            "SELECT DISTINCT application_name FROM pg_stat_activity WHERE starts_with(application_name, %s)", name
        )
        return {int(row[0].removeprefix(name)) for row in rows} & set(self.children())

    def arbiter(self):
        """gunicorn's first process: what has children, while it has some."""
        parents = map(parent_of, filter(lives, psutil.Process(self.pid).children(recursive=True)))
        return next((parent for parent in parents if parent not in (self.pid, None)), None)

    def keeper(self):
        """The process that renews the lease; None while the others are not all known."""
        left = set(self.children()) - self.workers() - {self.arbiter()}
        return left.pop() if len(left) == 1 else None

    def freeze(self, number=signal.SIGSTOP):
        """Stop all its processes, from the first to the last; SIGCONT lets them go on."""
        for one in self.running.family():
            os.kill(one.pid, number)

    def lose_heartbeat(self):
        """Make the last sign of life older than the lease."""
        self.office.query(
            "UPDATE tandem_server SET heartbeat_at = now() - interval '1 minute' WHERE pid = %s", self.pid
        )

    def interrupt(self):
        """What Ctrl-C in a terminal does: it tells the whole group."""
        self.running.family()
        os.killpg(self.pid, signal.SIGINT)

    def kill(self):
        """kill -9 of the supervisor alone."""
        self.running.send(signal.SIGKILL)
        self.running.process.wait()


def lives(process):
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def parent_of(process):
    """Its parent's process id; None: it has ended since it was found."""
    try:
        return process.ppid()
    except psutil.NoSuchProcess:
        return None
