"""Every address that a role will listen on is free, before anything starts."""

from __future__ import annotations

from django_tandem.config.schema import BackOffice, Tandem
from django_tandem.processes.sockets import listen


def must_be_free(tandem: Tandem) -> None:
    """Raise PortTaken, which names the key, for the first address that is not."""
    for name, role in tandem.file.roles.items():
        key, address = ("bind", role.bind) if isinstance(role, BackOffice) else ("health", role.health)
        listen(address, f"roles.{name}.{key}").close()
