"""Arguments and return values as JSON: what goes in, what comes out, and what is refused with its path."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django_tandem.errors import InvalidJob, InvalidResult, NotJson
from django_tandem.queue import at_rest
from django_tandem.queue.tasks_api import normalize_json

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode

_SCALARS = {str, int, float, bool, type(None)}

Arguments = tuple[Sequence[Any], Mapping[str, Any]]


def dump_arguments(task: str, args: Sequence[Any], kwargs: Mapping[str, Any], max_bytes: int) -> str:
    """The JSON text `[args, kwargs]`. What is not JSON but has a JSON form (bytes that are UTF-8, other sequences and
    mappings) takes it, as Django documents.

    Raises NotJson or InvalidJob, which name the argument by its path, and InvalidJob when the text is longer than
    `max_bytes`.
    """
    try:
        text = _encode((args, kwargs))
    except (TypeError, ValueError, RecursionError):
        try:
            text = _dump_slowly(task, args, kwargs)
        except RecursionError:
            raise too_deep(task) from None
    if len(text) > max_bytes:
        raise InvalidJob(
            f"{task}: its arguments are {len(text)} bytes as JSON, expected at most {max_bytes} "
            "(TASKS OPTIONS max_bytes); pass an id and let the task read the rest"
        )
    return text


def dump_while_plain(pairs: Iterable[Arguments], max_bytes: int) -> Iterator[str]:
    """The texts of `pairs`, up to the first in which something is of a type that somebody else has written, whose code
    would run, or of which dump_arguments would raise."""
    for pair in pairs:
        try:
            if not _is_plain(pair):
                return
            args, kwargs = pair
            text = _encode((args, kwargs))
        except (TypeError, ValueError, RecursionError):
            return
        if len(text) > max_bytes:
            return
        yield text


def _is_plain(value: Any) -> bool:
    kind = type(value)
    if kind is dict:
        return all(map(_is_plain, value.values()))
    return kind in _SCALARS or (kind in (list, tuple) and all(map(_is_plain, value)))


def too_deep(task: str) -> InvalidJob:
    """What to raise where Python does not descend to the bottom of the arguments."""
    return InvalidJob(f"{task}: its arguments are nested too deeply; expected a few levels")


def _dump_slowly(task: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    for index, value in enumerate(args):
        _refuse_unfit(task, f"args[{index}]", value, ())
    for name, value in kwargs.items():
        _refuse_unfit(task, name, value, ())
    return _encode((normalize_json(list(args)), normalize_json(dict(kwargs))))


def _refuse_unfit(task: str, path: str, value: Any, within: tuple[int, ...]) -> None:
    """Walk `value` and raise at the first thing that JSON cannot hold, with the path that leads to it."""
    if id(value) in within:
        raise InvalidJob(f"{task}: {path} contains itself; expected JSON")
    within = (*within, id(value))
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, (str, int, float, bool, type(None))):
                raise NotJson(f"{task}: {path} has a key of type {type(key).__name__}; expected str")
            _refuse_unfit(task, f"{path}, its key", key, within)
            _refuse_unfit(task, f"{path}[{key!r}]", item, within)
    elif isinstance(value, bytes):
        try:
            value.decode()
        except UnicodeDecodeError:
            raise InvalidJob(f"{task}: {path} is bytes that are not UTF-8; expected text") from None
    elif isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        raise InvalidJob(f"{task}: {path} is {value}; expected a finite number")
    elif isinstance(value, (str, int, float, type(None))):
        try:
            _encode(value)
        except ValueError as error:
            raise InvalidJob(f"{task}: {path} has no JSON form: {error}") from None
    elif isinstance(value, Sequence):
        for index, item in enumerate(value):
            _refuse_unfit(task, f"{path}[{index}]", item, within)
    else:
        raise NotJson(
            f"{task}: {path} is of type {type(value).__name__}; Unsupported type: {type(value)}; "
            "expected str, int, float, bool, None, list or dict"
        )


def load_arguments(text: str) -> tuple[list[Any], dict[str, Any]]:
    """The positional arguments and those by name. Raises KeyNotConfigured."""
    args, kwargs = json.loads(text if text[0] == "[" else at_rest.opened(text))
    return args, kwargs


def dump_return(task: str, value: Any, max_bytes: int) -> str | None:
    """The JSON text of what `task` returned, as it is stored; None stays None. What has a JSON form takes it, as
    arguments do.

    Raises InvalidResult, which names the place in the value, or its size when the text is longer than `max_bytes`.
    """
    if value is None:
        return None
    try:
        text = _encode(value)
    except (TypeError, ValueError, RecursionError):
        try:
            _refuse_unfit(task, "return_value", value, ())
            text = _encode(normalize_json(value))
        except InvalidJob as error:
            raise InvalidResult(str(error)) from None
        except RecursionError:
            raise InvalidResult(f"{task}: return_value is nested too deeply; expected a few levels") from None
    if len(text) > max_bytes:
        raise InvalidResult(
            f"{task}: return_value is {len(text)} bytes as JSON, expected at most {max_bytes} "
            "(TASKS OPTIONS max_bytes); store it and return where it is"
        )
    return at_rest.sealed(text)


def load_return(text: str | None) -> Any:
    """What the task returned. Raises KeyNotConfigured."""
    return None if text is None else json.loads(at_rest.opened(text))
