"""Pressure as it stands: how far the servers of a role are to yield, told by whoever watches the fleet.

What is told lapses: nobody who died can keep slots closed.
"""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from django_tandem.queue.connect import Connection
from django_tandem.queue.statements import statement

LASTS = timedelta(seconds=30)


class Told(NamedTuple):
    """The level that a role yields by, 0 to yielding.HIGHEST_LEVEL, and why."""

    level: int
    why: str


class Standing(NamedTuple):
    """The same, and since how many seconds it is this level."""

    level: int
    why: str
    for_s: float


NONE = Told(0, "")


def read(connection: Connection, role: str) -> Told:
    """How far the servers of `role` are to yield now."""
    row = connection.execute(statement("pressure", "level"), {"role": role}).fetchone()
    return Told(*row) if row else NONE


def standing(connection: Connection) -> dict[str, Standing]:
    """How it stands, by role; of roles that never yielded nothing."""
    rows = connection.execute(statement("pressure", "standing")).fetchall()
    return {role: Standing(level, why, for_s) for role, level, why, for_s in rows}


def tell(connection: Connection, role: str, level: int, why: str) -> None:
    """Let the servers of `role` yield by `level` from now on, for LASTS unless it is told again."""
    connection.execute(statement("pressure", "set"), {"role": role, "level": level, "why": why, "lasts": LASTS})
