"""What a trial found: named checks, and in each what is wrong and what to do instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Level = Literal["error", "warning", "note"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What is wrong, and what to do instead. An error stops the release; a warning or a note is told."""

    level: Level
    what: str
    instead: str = ""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check of a trial. `seconds`: how long it took; `log`: where its whole output is."""

    name: str
    findings: Sequence[Finding]
    seconds: float
    log: Path | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing in it stops the release."""
        return not self.errors

    @property
    def errors(self) -> list[Finding]:
        """What stops the release."""
        return [finding for finding in self.findings if finding.level == "error"]

    def as_json(self) -> dict[str, Any]:
        """As plain values, for the ledger."""
        return {
            "name": self.name,
            "ok": self.ok,
            "seconds": round(self.seconds, 3),
            "findings": [vars(finding) for finding in self.findings],
            "log": str(self.log) if self.log else None,
        }
