"""Problems of a project of two servers that need its code: `tandem check` and the trial tell the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

from django_tandem.config import drift
from django_tandem.config.schema import AsyncServer, Tandem

if TYPE_CHECKING:
    from django.core.checks import CheckMessage

LEVELS = {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}


def drifted(tandem: Tandem, roles: Sequence[drift.Effective]) -> list[CheckMessage]:
    """Every setting in which two roles differ and must not."""
    from django.core.checks import Error

    return [
        Error(
            f"{one.key} differs between {left.role} and {right.role}, and is to be shared.",
            hint=f"Make it the same, or add {one.key!r} to overlay.allow.",
            id="tandem.E001",
        )
        for left, right in combinations(roles, 2)
        for one in drift.differences(left, right, tandem.file)
        if not one.permitted
    ]


def unowned_schedules(tandem: Tandem) -> list[CheckMessage]:
    """Every recurring task whose queue no role consumes. Django must be set up."""
    from django.core.checks import Error

    from django_tandem.queue import firing

    try:
        found = firing.discover()
    except Exception as error:  # noqa: BLE001 - the project's own modules
        cause = " ".join(f"{type(error).__name__}: {error}".split())
        return [
            Error(
                f"A module of tasks does not import, so nothing recurs: {cause}",
                hint="Mend that module: schedules are found in the modules called tasks of all apps.",
                id="tandem.E010",
            )
        ]
    roles = [role for role in tandem.file.roles.values() if isinstance(role, AsyncServer)]
    consumed = {queue for role in roles for queue in tandem.queues_of(role)}
    return [
        Error(
            f"schedule {name}: no role consumes the queue {schedule.task.queue_name!r} of its task: it has no owner.",
            hint=f"Add {schedule.task.queue_name!r} to the queues of a role of kind async, or give the task another.",
            id="tandem.E009",
        )
        for name, schedule in found.items()
        if schedule.task.queue_name not in consumed
    ]


def plain(message: CheckMessage) -> dict[str, Any]:
    """A message as plain values."""
    hint = None if message.hint is None else str(message.hint)
    return {"id": message.id, "level": LEVELS[message.level], "message": str(message.msg), "hint": hint}
