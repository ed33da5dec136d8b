"""Who a server is: what it registers, and what /-/release tells."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field
from datetime import datetime, timezone

from django_tandem.config.drift import current_digest
from django_tandem.config.schema import Tandem
from django_tandem.queue import lease
from django_tandem.queue.connect import connect


@dataclass(frozen=True, kw_only=True)
class Identity:
    """One server. `id` is its row in tandem_server, `pid` its supervisor's process id."""

    id: int
    role: str
    host: str
    pid: int
    release: str
    config_digest: str
    started: datetime = field(default_factory=lambda: datetime.now(timezone.utc))


def register(tandem: Tandem, role: str) -> Identity:
    """Enter this process as a server of `role`. The connection is closed: the caller may fork.

    Raises DatabaseUnreachable, NotMigrated.
    """
    facts = {
        "role": role,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "release": tandem.release,
        "config_digest": current_digest(),
    }
    with connect(tandem.alias, purpose=f"{role} registers") as connection:
        server = lease.register(connection, state="starting", **facts)  # type: ignore[arg-type]
    return Identity(id=server, **facts)  # type: ignore[arg-type]
