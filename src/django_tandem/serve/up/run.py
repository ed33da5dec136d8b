"""All roles on this machine, from nothing to a clean end."""

from __future__ import annotations

import logging
import os
import signal
import sys
from typing import TextIO

from django_tandem.config.boot import boot
from django_tandem.config.overlay import EMBEDDED
from django_tandem.config.read import read
from django_tandem.config.schema import Tandem
from django_tandem.errors import ConfigurationError
from django_tandem.processes.supervisor import Supervisor
from django_tandem.queue.connect import address
from django_tandem.serve.up import database, fence, ports, readiness
from django_tandem.serve.up.log import Log
from django_tandem.serve.up.servers import Servers

# A server that dies at its start so often will not run: say so, and end the others.
MOST_EARLY_DEATHS = 5

# A server in a hurry kills its workers and gives their jobs back, each bounded by a few seconds.
HARD_STOP_S = 10.0


def run(tandem: Tandem, *, activate: bool = False, out: TextIO = sys.stdout) -> int:
    """Start everything, show one log, and end it all on Ctrl-C or TERM; returns the exit code.

    Raises a TandemError, before any server was started, for a port that is taken, a database that does not answer, or
    settings that do not import. With `activate` the fence is moved to this release.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            # Until a supervisor hears them they end this process as Ctrl-C does: an embedded database ends with it.
            signal.signal(number, signal.default_int_handler)
    log = Log(out, tandem.file.roles)
    log.receive(logging.getLogger("django_tandem"))
    ports.must_be_free(tandem)
    where = ""
    if (url := database.embedded_if_none(tandem)) is not None:
        os.environ["TANDEM_DATABASE_URL"] = url
        tandem = read(tandem.path)
        where = f"embedded PostgreSQL in {EMBEDDED}"
    boot(tandem, None)
    where = where or address(tandem.alias)
    log.say(f"database: {where}")
    if applied := database.migrate(tandem):
        log.say(f"migrated: {len(applied)} applied, the last is {applied[-1]}")
    standing = fence.take(tandem, activate=activate)
    servers = Servers(tandem, log)
    supervisor = Supervisor(
        servers.children(),
        drain_s=servers.longest_drain_s,
        most_early_deaths=MOST_EARLY_DEATHS,
        hopeless=(ConfigurationError.exit_code,),
        on_stop=lambda: log.say("stopping: what runs is finished first; Ctrl-C again does not wait"),
        hard_stop_s=HARD_STOP_S,
    )
    servers.follow(supervisor)
    with readiness.announced(tandem, where, standing, supervisor, log):
        code = supervisor.run()
    servers.read_rest()
    log.say("stopped")
    return code
