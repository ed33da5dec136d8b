"""What a task can be called with, and what is done with its jobs: as plain JSON values, the same in every process."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import timedelta
from typing import Any

from django_tandem.errors import CannotBuild
from django_tandem.queue.results import find_task
from django_tandem.queue.task import TandemTask
from django_tandem.queue.tasks_api import Task

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def of_project() -> dict[str, dict[str, Any]]:
    """The signature of every task by its path: of the modules called `tasks` of all apps, as recurring tasks are found,
    and of what they and the project's URLs import. Raises CannotBuild when one does not import."""
    from django.conf import settings
    from django.utils.module_loading import autodiscover_modules

    try:
        autodiscover_modules("tasks")
        if urls := getattr(settings, "ROOT_URLCONF", None):
            importlib.import_module(urls)
    except Exception as error:
        cause = " ".join(f"{type(error).__name__}: {error}".split())
        raise CannotBuild(f"a module of tasks, or of the URLs, does not import: {cause}") from error
    return {task.module_path: of(task) for task in sorted(_imported(), key=lambda task: task.module_path)}


def of_paths(paths: list[str]) -> dict[str, dict[str, Any]]:
    """The signature of each of `paths` that is a task, found as a worker finds it."""
    found = {}
    for path in paths:
        try:
            found[path] = of(find_task(path))
        except ImportError:
            continue
    return found


def of(task: Task[..., Any]) -> dict[str, Any]:
    """`parameters`: name, kind (as inspect names it), default (whether there is one) and annotation of each, in order,
    with the context first where the task takes it. `options`: those of TandemTask, where they are set."""
    parameters = [
        {
            "name": one.name,
            "kind": one.kind.name,
            "default": one.default is not one.empty,
            "annotation": _annotation(one.annotation),
        }
        for one in inspect.signature(task.func).parameters.values()
    ]
    own = {field.name for field in fields(TandemTask)} - {field.name for field in fields(Task)}
    options = {name: _plain(getattr(task, name)) for name in sorted(own) if isinstance(task, TandemTask)}
    return {
        "parameters": parameters,
        "takes_context": task.takes_context,
        "queue": task.queue_name,
        "priority": task.priority,
        "options": {name: value for name, value in options.items() if value not in (None, False)},
    }


def _imported() -> Iterator[Task[..., Any]]:
    """Every task of an imported module, once, where a worker would find it."""
    seen: set[str] = set()
    for module in list(sys.modules.values()):
        # Not isinstance: it asks lazy objects for their class, which makes them.
        found = [value for value in list(getattr(module, "__dict__", {}).values()) if issubclass(type(value), Task)]
        for task in found:
            if task.module_path in seen:
                continue
            try:
                known = find_task(task.module_path)
            except ImportError:
                continue  # made where no worker finds it: it cannot be enqueued
            seen.add(task.module_path)
            yield known


def _annotation(value: Any) -> str | None:
    if value is inspect.Parameter.empty:
        return None
    # Texts as they are, so that postponing annotations changes nothing.
    return value if isinstance(value, str) else _ADDRESS.sub("", inspect.formatannotation(value))


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}.{named.__qualname__}"
