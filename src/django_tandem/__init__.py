"""Tandem runs one Django codebase as two servers: a Back Office for people, an Async Server for tasks.

The public names stand here: `from django_tandem import task`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django_tandem.queue.tasks_api import task

__all__ = ["task"]

# Looked up when asked for: to start a command or a worker must not load all of it.
_HOME = {"task": "django_tandem.queue.tasks_api"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
