"""Tandem runs one Django codebase as two servers: a Back Office for people, an Async Server for tasks.

The public names stand here: `from django_tandem import task`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django_tandem.queue.keys import Limit, Unique
    from django_tandem.queue.lock import lock
    from django_tandem.queue.recurring import cron
    from django_tandem.queue.retry import Retry
    from django_tandem.queue.task import TandemTask, task
    from django_tandem.queue.together import together

__all__ = ["Limit", "Retry", "TandemTask", "Unique", "cron", "lock", "task", "together"]

# Looked up when asked for: to start a command or a worker must not load all of it.
_HOME = {
    "Limit": "django_tandem.queue.keys",
    "Retry": "django_tandem.queue.retry",
    "TandemTask": "django_tandem.queue.task",
    "Unique": "django_tandem.queue.keys",
    "cron": "django_tandem.queue.recurring",
    "lock": "django_tandem.queue.lock",
    "task": "django_tandem.queue.task",
    "together": "django_tandem.queue.together",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
