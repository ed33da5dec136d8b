"""Keys: what jobs have in common that must not be there twice (Unique), or not run at once (Limit)."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from django_tandem.errors import InvalidJob

# A text with the names of arguments in braces, such as "{loan_id}"; or a function of the arguments.
Key = str | Callable[..., object]

# A btree entry must fit its page; a longer key is kept by its digest.
LONGEST = 200

SECONDS = ("drop", "replace", "error")


@dataclass(frozen=True, kw_only=True)
class Unique:
    """Of jobs of a task with the same key only one is unfinished: `@task(unique=Unique(key="{loan_id}"))`.

    `key`: None means all arguments. `second` says what becomes of another that is enqueued meanwhile: "drop" (the
    caller gets the result of the first), "error" (AlreadyEnqueued), or "replace" (a first that waits takes the
    arguments, the priority and the time of the second; one that a worker has claimed no longer counts). Raises
    ValueError.
    """

    key: Key | None = None
    second: Literal["drop", "replace", "error"] = "drop"

    def __post_init__(self) -> None:
        _check_key("Unique.key", self.key)
        if self.second not in SECONDS:
            raise ValueError(f"Unique.second is {self.second!r}; expected one of {', '.join(SECONDS)}")


@dataclass(frozen=True, kw_only=True)
class Limit:
    """At most `most` jobs with the same key run at once, over the whole fleet: `@task(limit=Limit(most=2))`.

    `key`: None means the task itself. Tasks that name the same key share it: one outside service, say. Both are read
    where the job is enqueued. Raises ValueError.
    """

    most: int
    key: Key | None = None

    def __post_init__(self) -> None:
        _check_key("Limit.key", self.key)
        if type(self.most) is not int or not 1 <= self.most <= 32_767:
            raise ValueError(f"Limit.most is {self.most!r}; expected a whole number from 1 to 32767")


def unique_key(unique: Unique, task: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """What the job is known by among those of its task. Raises InvalidJob where the key cannot be made."""
    if unique.key is None:
        own = json.dumps([list(args), dict(kwargs)], sort_keys=True, default=str)
    else:
        own = _resolve("unique", unique.key, task, args, kwargs)
    return _short(f"{task.module_path} {own}")


def limit_key(limit: Limit, task: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """What the job is counted by. Raises InvalidJob where the key cannot be made."""
    return _short(task.module_path if limit.key is None else _resolve("limit", limit.key, task, args, kwargs))


def _resolve(option: str, key: Key, task: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    path = task.module_path
    try:
        if callable(key):
            return str(key(*args, **kwargs))
        bound = _signature(task.func).bind(*([None] if task.takes_context else []), *args, **kwargs)
        bound.apply_defaults()
        return key.format(**bound.arguments)
    except Exception as error:
        cause = f"{type(error).__name__}: {error}"
        raise InvalidJob(f"{path}: its {option} key cannot be made of these arguments: {cause}") from error


@cache
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(function)


def _short(key: str) -> str:
    return key if len(key) <= LONGEST else hashlib.sha256(key.encode()).hexdigest()


def _check_key(name: str, key: object) -> None:
    if key is not None and not (callable(key) or (isinstance(key, str) and key)):
        raise ValueError(f"{name} is {key!r}; expected a text such as '{{loan_id}}', or a function of the arguments")
