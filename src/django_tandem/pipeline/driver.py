"""Start a command of the project from one of its servers: to go on with a run, or to end servers.

A server of a release runs in that release's folder, with the values of its role in its environment, and may be replaced
by what it starts. So drivers tell the servers that they start where they stand, and with what.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from django_tandem.config import boot
from django_tandem.config.schema import Tandem
from django_tandem.errors import HostFailed
from django_tandem.processes.detach import detach
from django_tandem.release.hosts.places import Places
from django_tandem.serve import handed, lifeline

VARIABLE = "TANDEM_DRIVER"

# Who asked for a command, and from where, if that was nobody at a command line.
ASKED_BY = "TANDEM_ASKED_BY"

# A server has these, and nothing that it starts.
_OF_A_SERVER = frozenset(
    {
        VARIABLE,
        ASKED_BY,
        "TANDEM_CONFIG",
        "TANDEM_RELEASE",
        "TANDEM_ROLE",
        "DJANGO_SETTINGS_MODULE",
        handed.DESCRIPTOR,
        handed.ASK_AT,
        lifeline.VARIABLE,
    }
)


def variables(tandem: Tandem, added: Iterable[str]) -> dict[str, str]:
    """What servers are told of the driver that starts them. `added`: environment variables that it had not itself."""
    said = {"host": socket.gethostname(), "config": str(tandem.path), "python": sys.executable, "added": sorted(added)}
    return {VARIABLE: json.dumps(said)}


@dataclass(frozen=True, kw_only=True)
class Driver:
    """What commands of the project need on this host. `config`: the path of the project's tandem.toml, beside which is
    `.tandem`; `python`: an interpreter that has Tandem; `without`: environment variables that they do not get."""

    config: Path
    python: str
    without: tuple[str, ...] = ()

    @property
    def places(self) -> Places:
        """Where things are on this host."""
        return Places(self.config.parent / ".tandem")

    def start(self, words: Sequence[str], log_name: str, asked_by: tuple[str, str] | None = None) -> Path:
        """Start `tandem WORDS`, as nobody's child; its log. `asked_by`: who, and from where, for the audit of what it
        does itself; what it starts would have that too. Raises HostFailed where it does not start."""
        log = self.places.log / f"{log_name}.log"
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            command = [self.python, "-m", "django_tandem", *words]
            env = self.environment() | ({ASKED_BY: json.dumps(asked_by)} if asked_by else {})
            detach(command, cwd=self.config.parent, env=env, log=log)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise HostFailed(f"tandem {' '.join(words)} does not start here: {error}") from None
        return log

    def environment(self) -> dict[str, str]:
        """The environment variables of such a command."""
        return {**environment(self.without), "TANDEM_CONFIG": str(self.config)}


def environment(without: Iterable[str] = ()) -> dict[str, str]:
    """This process's environment as it was before it became a server of a role."""
    gone = {*_OF_A_SERVER, *without}
    return {name: value for name, value in boot.BEGAN_WITH.items() if name not in gone}


def here(tandem: Tandem) -> Driver | None:
    """How commands of the project run on this host; None: they do not, for the project is elsewhere. `tandem`: the
    configuration of this process, which stands in the project itself where no driver started it."""
    said = os.environ.get(VARIABLE)
    if said is None:
        return Driver(config=tandem.path, python=sys.executable)
    known = json.loads(said)
    if known["host"] != socket.gethostname() or not Path(known["config"]).is_file():
        return None
    python = known["python"] if os.access(known["python"], os.X_OK) else sys.executable
    return Driver(config=Path(known["config"]), python=python, without=tuple(known["added"]))
