"""Pydantic's findings in the words of tandem.toml: the key's path, what it is, what would be right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from django_tandem.config import queue_keys, secrets
from django_tandem.config.schema import (
    App,
    AsyncServer,
    BackOffice,
    Database,
    File,
    Monitor,
    Notice,
    Overlay,
    Pipeline,
    Pressure,
    Queue,
    Reserve,
)
from django_tandem.config.webhooks import EXPECTED as A_URL

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
    "too_short": "expected at least one",
}
_PATTERNS = {
    "app.settings": "expected a dotted path such as office.settings",
    "app.wsgi": "expected a dotted path such as office.wsgi.application",
    "pipeline.ref": "expected the name of a branch or a tag, such as main",
    "pipeline.remote": "expected the name that git has for a remote, such as origin",
    "monitor.dashboard": 'expected a path such as "/tandem/", or "" for none',
    "monitor.nginx_log": "expected the whole path of a file, such as /var/log/nginx/access.log",
    "bind": "expected HOST:PORT or unix:/path",
    "health": "expected HOST:PORT or unix:/path",
}
_A_NAME = "expected a short name: lower case letters, digits, - and _"
_VARIABLE = 'expected a string, or { from_env = "VARIABLE" }'
_IN_A_VARIABLE = 'expected { from_env = "VARIABLE" }: keys are not written in this file'
_ROLE_KINDS: dict[str, type[BaseModel]] = {"backoffice": BackOffice, "async": AsyncServer}
_ROLE_TABLES: dict[str, type[BaseModel]] = {"reserve": Reserve, "pressure": Pressure}


def describe(error: ValidationError) -> list[str]:
    """One line a problem: `roles.async.threads: 0, expected at least 1`."""
    return list(dict.fromkeys(_line(found) for found in error.errors()))


def suggest(word: str, known: Iterable[str]) -> str:
    """What may have been meant by `word`, and what is known."""
    known = sorted(known)
    near = get_close_matches(word, known, n=1) or (known if len(known) == 1 else [])
    return f"expected {near[0]}" if near else f"expected one of {', '.join(known)}"


def _line(found: Mapping[str, Any]) -> str:
    kind, location = found["type"], _in_the_file(found["loc"])
    path, value = ".".join(str(part) for part in location), found["input"]
    if location[2:3] == ("environment",) and len(location) > 3:
        # A string or a table: pydantic tells what is wrong with each, and means the same value.
        return f"{'.'.join(str(part) for part in location[:4])}: {_VARIABLE}"
    if location[0] == "notices" and location[2:3] == ("webhook",):
        # A string or a table, as above; what stands there lets whoever has it write in somebody's name.
        return f'{".".join(map(str, location[:3]))}: {A_URL}, or {{ from_env = "VARIABLE" }}'
    if location[0] == "database" and location[1:2] and location[1] in queue_keys.NAMES:
        # Never what stands there: it may be a key.
        return f"{'.'.join(map(str, location[:2]))}: {_IN_A_VARIABLE}"
    if kind == "missing":
        return f"{path}: missing, expected {_meaning(location)}"
    if kind == "extra_forbidden":
        return f"{path}: unknown key, {_known(found['loc'])}"
    if kind == "union_tag_not_found":
        return f'{path}.kind: missing, expected "backoffice" or "async" (only roles of these names need not say it)'
    if kind == "union_tag_invalid":
        return f'{path}.kind: {value.get("kind")!r}, expected "backoffice" or "async"'
    return f"{path}: {_shown(location, value)}, {_expected(kind, found.get('ctx', {}), path)}"


def _expected(kind: str, context: Mapping[str, Any], path: str) -> str:
    if kind == "greater_than_equal":
        return f"expected at least {context['ge']:g}"
    if kind == "greater_than":
        return f"expected more than {context['gt']:g}"
    if kind == "less_than_equal":
        return f"expected at most {context['le']:g}"
    if kind == "literal_error":
        return f"expected {context['expected']}".replace("'", '"')
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(path) or _PATTERNS.get(path.rpartition(".")[2], _A_NAME)
    return _EXPECTED.get(kind, "expected another value")


def _in_the_file(location: tuple[Any, ...]) -> tuple[Any, ...]:
    """Pydantic names the kind of a role inside its path, and says when it means a key itself; tandem.toml does not."""
    if len(location) > 2 and location[0] == "roles" and location[2] in _ROLE_KINDS:
        location = (*location[:2], *location[3:])
    return location[:-1] if location[-1] == "[key]" else location


def _known(location: tuple[Any, ...]) -> str:
    """What may have been meant by the unknown key at the end of `location`."""
    key = str(location[-1])
    if location[0] != "roles" or len(location) != 4:
        return suggest(key, _keys_beside(location))
    kind = location[2]
    for other, model in _ROLE_KINDS.items():
        if key in model.model_fields:
            return f"which roles of kind {other} have; this one is of kind {kind}"
    return suggest(key, _ROLE_KINDS[kind].model_fields)


def _keys_beside(location: tuple[Any, ...]) -> Iterable[str]:
    if len(location) == 1:
        return File.model_fields
    if location[0] == "roles" and location[-2] in _ROLE_TABLES:
        return _ROLE_TABLES[location[-2]].model_fields
    models: dict[str, type[BaseModel]] = {
        "app": App,
        "database": Database,
        "monitor": Monitor,
        "notices": Notice,
        "overlay": Overlay,
        "pipeline": Pipeline,
        "queues": Queue,
    }
    return models[location[0]].model_fields


def _meaning(location: tuple[Any, ...]) -> str:
    if location[2:3] == ("reserve",):
        return {"slots": "how many threads", "priority": "the least priority that they begin"}[location[3]]
    return {
        ("app",): "a table [app] with name and settings",
        ("app", "name"): 'the name of the application, such as "office"',
        ("app", "settings"): 'the project\'s own settings module, such as "office.settings"',
        ("roles",): "tables [roles.backoffice] and [roles.async]",
    }.get(location, "a value")


def _shown(location: tuple[Any, ...], value: Any) -> str:
    # Settings and variables may hold secrets, and so may an address that was written where a name belongs.
    if "settings" in location[2:] or "environment" in location[2:]:
        return type(value).__name__
    if isinstance(value, bool):
        return str(value).lower()
    shown = secrets.mask(repr(value))
    return shown if len(shown) <= 60 else type(value).__name__
