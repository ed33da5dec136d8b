"""Pydantic's findings in the words of tandem.toml: the key's path, what it is, what would be right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from django_tandem.config.schema import AsyncServer, BackOffice, File, Queue

_EXPECTED = {
    "string_type": "expected a string",
    "int_type": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "bool_type": "expected true or false",
    "tuple_type": "expected a list",
    "mapping_type": "expected a table",
    "dict_type": "expected a table",
    "model_type": "expected a table",
    "model_attributes_type": "expected a table",
    "is_instance_of": "expected a table",
}
_PATTERNS = {
    "Name": "expected a short name: lower case letters, digits, - and _",
    "Path": "expected a dotted path such as office.settings",
    "Address": "expected HOST:PORT or unix:/path",
}
_ROLE_KINDS: dict[str, type[BaseModel]] = {"backoffice": BackOffice, "async": AsyncServer}


def describe(error: ValidationError) -> list[str]:
    """One line a problem: `roles.async.threads: 0, expected at least 1`."""
    return [_line(found) for found in error.errors()]


def suggest(word: str, known: Iterable[str]) -> str:
    """What may have been meant by `word`, and what is known."""
    known = sorted(known)
    near = get_close_matches(word, known, n=1)
    return f"expected {near[0]}" if near else f"expected one of {', '.join(known)}"


def _line(found: Mapping[str, Any]) -> str:
    kind, context = found["type"], found.get("ctx", {})
    location = _without_tags(found["loc"])
    path = ".".join(str(part) for part in location)
    if kind == "missing":
        return f"{path}: missing, expected {_meaning(location)}"
    if kind == "extra_forbidden":
        return f"{path}: unknown key, {suggest(str(location[-1]), _keys_beside(found['loc']))}"
    if kind == "union_tag_not_found":
        return f'{path}.kind: missing, expected "backoffice" or "async" (only the roles of these names need not say it)'
    if kind == "union_tag_invalid":
        return f'{path}.kind: {found["input"].get("kind")!r}, expected "backoffice" or "async"'
    return f"{path}: {_shown(location, found['input'])}, {_expected(kind, context)}"


def _expected(kind: str, context: Mapping[str, Any]) -> str:
    if kind == "greater_than_equal":
        return f"expected at least {context['ge']}"
    if kind == "greater_than":
        return f"expected more than {context['gt']:g}"
    if kind == "less_than_equal":
        return f"expected at most {context['le']}"
    if kind == "string_pattern_mismatch":
        pattern = context["pattern"]
        meaning = "Address" if "unix" in pattern else "Path" if r"(\." in pattern else "Name"
        return _PATTERNS[meaning]
    return _EXPECTED.get(kind, "expected another value")


def _without_tags(location: tuple[Any, ...]) -> tuple[Any, ...]:
    """Pydantic names the kind of a role inside its path; tandem.toml does not."""
    if len(location) > 2 and location[0] == "roles" and location[2] in _ROLE_KINDS:
        return (*location[:2], *location[3:])
    return location


def _keys_beside(location: tuple[Any, ...]) -> list[str]:
    if len(location) > 2 and location[0] == "roles" and location[2] in _ROLE_KINDS:
        return list(_ROLE_KINDS[location[2]].model_fields)
    model: Any = File
    for part in location[:-1]:
        if not (isinstance(model, type) and issubclass(model, BaseModel)) or part not in model.model_fields:
            break
        model = model.model_fields[part].annotation
    if location[0] == "queues":
        model = Queue
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []


def _meaning(location: tuple[Any, ...]) -> str:
    return {
        ("app",): "a table [app] with name and settings",
        ("app", "name"): 'the name of the application, such as "office"',
        ("app", "settings"): 'the project\'s own settings module, such as "office.settings"',
        ("roles",): "tables [roles.backoffice] and [roles.async]",
    }.get(location, "a value")


def _shown(location: tuple[Any, ...], value: Any) -> str:
    # Environment and settings may hold secrets: their values are not repeated.
    if "environment" in location or "settings" in location[2:]:
        return type(value).__name__
    return repr(value) if len(repr(value)) <= 60 else type(value).__name__
