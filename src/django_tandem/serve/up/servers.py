"""The servers of all roles as children of `tandem up`, each `tandem serve ROLE` with its output in the one log."""

from __future__ import annotations

import os
import signal
import sys
from functools import partial

from django_tandem.config.boot import environment
from django_tandem.config.schema import Tandem
from django_tandem.processes.child import ChildSpec
from django_tandem.processes.supervisor import Supervisor
from django_tandem.serve import lifeline
from django_tandem.serve.up.log import Lines, Log


class Servers:
    """One server a role. Their pipes live as long as `tandem up`, so that a restarted server writes to the same."""

    def __init__(self, tandem: Tandem, log: Log) -> None:
        self._tandem = tandem
        self._log = log
        self._pipes = {role: os.pipe() for role in tandem.file.roles}
        self._lines = {role: Lines(read) for role, (read, _) in self._pipes.items()}
        self._lifeline_read, self._lifeline_write = os.pipe()

    @property
    def longest_drain_s(self) -> float:
        """What the slowest role is given to end, in seconds."""
        return max(role.drain for role in self._tandem.file.roles.values())

    def children(self) -> list[ChildSpec]:
        """What the supervisor is to keep alive."""
        return [
            ChildSpec(name=role, body=partial(self._become, role), orphaned=None, hurry=signal.SIGINT)
            for role in self._pipes
        ]

    def follow(self, supervisor: Supervisor) -> None:
        """Let the supervisor's loop read what servers write."""
        for role, lines in self._lines.items():
            supervisor.watch(lines.descriptor, partial(self._read, role, lines))

    def read_rest(self) -> None:
        """What the servers wrote last."""
        for role, lines in self._lines.items():
            while written := lines.read():
                for line in written:
                    self._log.line(role, line)

    def _become(self, role: str) -> int:
        """In the child: turn into `tandem serve ROLE`."""
        write = self._pipes[role][1]
        # A server has no business with the terminal: to read from it would stop a process in the background.
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(write, 1)
        os.dup2(write, 2)
        os.close(self._lifeline_write)
        os.set_inheritable(self._lifeline_read, True)
        variables = {
            **os.environ,
            **environment(self._tandem, role),
            lifeline.VARIABLE: str(self._lifeline_read),
            "PYTHONUNBUFFERED": "1",
        }
        command = [sys.executable, "-m", "django_tandem", "serve", role]
        os.chdir(self._tandem.root)
        os.execve(sys.executable, command, variables)  # noqa: S606 - no shell, an argument list

    def _read(self, role: str, lines: Lines) -> None:
        for line in lines.read():
            self._log.line(role, line)
