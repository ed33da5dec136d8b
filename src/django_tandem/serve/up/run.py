"""All roles on this machine, from nothing to a clean end."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from django_tandem.config.boot import boot
from django_tandem.config.read import read
from django_tandem.config.schema import Tandem
from django_tandem.processes.supervisor import Supervisor
from django_tandem.serve import logs
from django_tandem.serve.up import database, fence, ports, readiness
from django_tandem.serve.up.log import Log
from django_tandem.serve.up.servers import Servers


def run(tandem: Tandem, *, activate: bool = False, out: TextIO = sys.stdout) -> int:
    """Start everything, show one log, and end it all on Ctrl-C or TERM; returns the exit code.

    Raises a TandemError, before anything was started, for a port that is taken, a database that does not answer, or
    settings that do not import. With `activate` the fence is moved to this release.
    """
    log = Log(out, tandem.file.roles)
    ports.must_be_free(tandem)
    if (url := database.embedded_if_none(tandem)) is not None:
        os.environ["TANDEM_DATABASE_URL"] = url
        tandem = read(tandem.path)
        log.say("database: embedded PostgreSQL in .tandem/postgres")
    boot(tandem, None)
    logs.prepare()
    for line in database.migrate(tandem):
        log.say(line)
    standing = fence.take(tandem, activate=activate)
    servers = Servers(tandem, log)
    supervisor = Supervisor(servers.children(), drain_s=servers.longest_drain_s + 5, on_death=servers.died)
    servers.follow(supervisor)
    with readiness.announced(tandem, standing, supervisor, log):
        return supervisor.run()
