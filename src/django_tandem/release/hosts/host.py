"""The seam behind which hosts differ: a place where releases are put, and where verbs are done."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any


class Host(ABC):
    """A machine that plays roles. Its root has the same folders everywhere: see places."""

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def put(self, artifact: Path) -> None:
        """Have the folder of an artifact there, whole, under its name. Raises HostFailed."""

    @abstractmethod
    def do(self, verb: str, *, within_s: float, **facts: Any) -> dict[str, Any]:
        """Have `verb` done there (see on_host), and return what came of it; facts and answer are what JSON has.

        Raises HostFailed, which names the host, where it says no, or nothing within `within_s` seconds.
        """
