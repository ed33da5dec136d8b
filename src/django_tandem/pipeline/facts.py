"""All that is known of a run, as JSON has it: its states, its steps with their durations, the gate, the release."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from enum import Enum
from typing import Any

from django_tandem.pipeline import approval, ledger, lock, releases
from django_tandem.queue import fence
from django_tandem.queue.connect import Connection


def facts(connection: Connection, run: int) -> dict[str, Any]:
    """`run`, `release` (None until it is built), `live` (whether the fence names it), `approval` (None without a gate),
    `driver` (None where nobody drives) and `steps`; times are ISO 8601, durations seconds. Raises RunNotFound."""
    found = ledger.read_run(connection, run)
    gate = approval.read(connection, run)
    built = None if found.digest is None else releases.read(connection, found.digest)
    name = built.release if built else found.release if found.kind == "activate" else None
    driver = lock.read(connection)
    return {
        "run": plain(asdict(found)),
        "release": None if built is None else plain(asdict(built)),
        "live": name is not None and fence.read(connection).release == name,
        "approval": None if gate is None else plain(asdict(gate)),
        "driver": str(driver) if driver is not None and driver.run == run else None,
        "steps": [plain(step._asdict()) for step in ledger.timeline(connection, run)],
    }


def plain(value: Any) -> Any:
    """`value` with what JSON does not have written as text."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, Enum):
        return value.value
    return value.isoformat() if isinstance(value, datetime) else value
