"""Where things are on a host, below the root of the application: the same on every kind of host."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import NamedTuple

# What the address of a Unix socket may be long, on the narrowest system (macOS: 104 with its end).
LONGEST_SOCKET = 100


class Places(NamedTuple):
    """`root` is `.tandem` in a project, `/srv/tandem/<app>` on a server."""

    root: Path

    @property
    def artifacts(self) -> Path:
        """One folder a built commit, by the digest of its manifest."""
        return self.root / "artifacts"

    @property
    def environments(self) -> Path:
        """One folder a lock file and version of Python, by the digest of both."""
        return self.root / "environments"

    @property
    def build(self) -> Path:
        """Work of a moment."""
        return self.root / "build"

    @property
    def releases(self) -> Path:
        """One folder a release: its files, unpacked."""
        return self.root / "releases"

    @property
    def log(self) -> Path:
        """One file a role, and what builds and trials said."""
        return self.root / "log"

    @property
    def run(self) -> Path:
        """Sockets and locks; a folder that only its owner may enter. Elsewhere, where the path of a socket in it would
        be too long."""
        here = self.root / "run"
        if len(os.fsencode(here)) + 40 <= LONGEST_SOCKET:
            return here
        name = hashlib.sha256(os.fsencode(here)).hexdigest()[:16]
        return Path(tempfile.gettempdir(), f"tandem-{os.getuid()}-{name}")

    @property
    def agent(self) -> Path:
        """The socket of the host's agent."""
        return self.run / "agent.sock"

    @property
    def wake(self) -> Path:
        """The FIFO by which hooks wake a watch: not in `run`, for whoever pushes may be another user."""
        return self.root / "wake"

    def server(self, role: str, release: str) -> Path:
        """The socket of one server alone."""
        return self.run / f"{hashlib.sha256(f'{role} {release}'.encode()).hexdigest()[:16]}.sock"

    def make(self) -> None:
        """Make the folders. Raises PermissionError where somebody else owns the one for sockets."""
        for folder in (self.releases, self.log):
            folder.mkdir(parents=True, exist_ok=True)
        self.run.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.run.stat().st_uid != os.getuid():
            raise PermissionError(f"{self.run} belongs to another user")
        self.run.chmod(0o700)
