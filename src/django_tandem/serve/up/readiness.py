"""When all servers are ready, say so once, with all that a person wants to know."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus

from django_tandem.config.schema import BackOffice, Role, Tandem
from django_tandem.processes import ask
from django_tandem.processes.supervisor import Supervisor
from django_tandem.queue.fence import Fence
from django_tandem.serve.up.log import Log

ASK_EVERY_S = 0.2


@contextmanager
def announced(tandem: Tandem, where: str, standing: Fence, supervisor: Supervisor, log: Log) -> Iterator[None]:
    """Print the summary, in the supervisor's loop, when every server's /-/ready has said yes.

    `where` the database is. Another process asks the servers: the supervisor's own must be free to fork, and a thread
    would make that unsafe.
    """
    addresses = [address_of(role) for role in tandem.file.roles.values()]
    asking = subprocess.Popen(
        [sys.executable, "-m", "django_tandem.serve.up.readiness", *addresses],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert asking.stdout is not None  # noqa: S101 - it is a pipe
    descriptor = asking.stdout.fileno()

    def answered() -> None:
        supervisor.unwatch(descriptor)
        said = os.read(descriptor, 1)
        asking.wait()  # it ends with that
        if said:
            log.block("ready", _summary(tandem, where, standing))

    supervisor.watch(descriptor, answered)
    try:
        yield
    finally:
        asking.kill()
        asking.wait()
        asking.stdout.close()


def wait_until_ready(addresses: Sequence[str]) -> bool:
    """Ask until all servers are ready; False when the process that wants to know has gone."""
    parent, waiting = os.getppid(), list(addresses)
    while waiting and os.getppid() == parent:
        waiting = [address for address in waiting if not is_ready(address)]
        time.sleep(ASK_EVERY_S)
    return not waiting


def address_of(role: Role) -> str:
    """Where a server answers for its health."""
    return role.bind if isinstance(role, BackOffice) else role.health


def is_ready(address: str) -> bool:
    """Whether the server at `address` answers /-/ready with 200."""
    answer = ask.get(address, "/-/ready")
    return answer is not None and answer.status == HTTPStatus.OK


def _summary(tandem: Tandem, where: str, standing: Fence) -> list[tuple[str, str]]:
    rows = []
    for name, role in tandem.file.roles.items():
        size = f"{role.processes} × {role.threads} threads"
        if isinstance(role, BackOffice):
            rows.append((name, f"{_url(role.bind)}   {size}"))
        else:
            rows.append((name, f"queues {', '.join(tandem.queues_of(role))}   {size}   health {_url(role.health)}"))
    rows.append(("database", where))
    if standing.release == tandem.release:
        rows.append(("release", f"{tandem.release}, which the fence names (epoch {standing.epoch})"))
    else:
        rows.append(("release", tandem.release))
        rows.append(
            ("fence", f"names {standing.release}: standby, no task is claimed here; tandem up --activate moves it")
        )
    rows.append(("stop", "Ctrl-C"))
    return rows


def _url(address: str) -> str:
    return address if address.startswith("unix:") else f"http://{address}/"


if __name__ == "__main__":
    if wait_until_ready(sys.argv[1:]):
        os.write(1, b".")
