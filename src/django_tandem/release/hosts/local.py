"""The host on which the driver itself runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django_tandem.errors import HostFailed
from django_tandem.release.hosts import on_host
from django_tandem.release.hosts.host import Host


class LocalHost(Host):
    """Its root is the driver's: an artifact that was built is there already."""

    def __init__(self, name: str, root: Path) -> None:
        super().__init__(name)
        self.root = root

    def put(self, artifact: Path) -> None:
        if not artifact.is_relative_to(self.root):
            raise HostFailed(f"host {self.name}: {artifact} is not below {self.root}")

    def do(self, verb: str, *, within_s: float, **facts: Any) -> dict[str, Any]:
        try:
            return on_host.do(self.root, verb, {**facts, **({"within_s": within_s} if verb == "start" else {})})
        except HostFailed as error:
            raise HostFailed(f"host {self.name}: {error}") from None
