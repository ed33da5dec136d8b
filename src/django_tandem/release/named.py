"""Settings by name, as a manifest keeps them: what may be shown as it is, of all else a mark that tells a change.

A mark is keyed with the project's SECRET_KEY: who reads a manifest, and has not that, cannot try out what a short
secret is.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Collection, Mapping
from typing import Any, Literal, TypedDict

from django_tandem.config.drift import Effective, flat

# Django's rule hides by name what is shown to a person for a moment. A manifest is kept, so it hides more: names that
# tell of secrets, addresses with a user in them, and words that look as if drawn by lot.
_PRIVATE_NAME = re.compile(r"dsn|webhook|credential|private|salt|conn(?:ection)?_?str", re.IGNORECASE)
_PRIVATE_TEXT = re.compile(r"://[^/\s]*@|(?=[\w+-]*\d)(?=[\w+-]*[A-Za-z])[\w+-]{20,}")

LONGEST = 200
LONGEST_LIST = 8000
MARK_DIGITS = 32

KEY = "SECRET_KEY"


class Named(TypedDict):
    """The settings of a role: `shown` as JSON values, `hidden` as marks, both by dotted key."""

    shown: dict[str, Any]
    hidden: dict[str, str]


class Change(TypedDict, total=False):
    """A setting that is another than before. `before` and `after`: where it was, or is, there and may be shown;
    `hidden`: whether it may not."""

    name: str
    how: Literal["changed", "new", "gone"]
    before: Any
    after: Any
    hidden: bool


def named(effective: Effective, secret_key: str, private: Collection[str] = ()) -> Named:
    """The settings and environment values of a role; of the environment values `private` only marks."""
    values = {**flat(effective.settings), **{f"environment.{one}": it for one, it in effective.environment.items()}}
    never = {*effective.marks, *(f"environment.{one}" for one in private)}
    shown = {key: value for key, value in values.items() if key not in never and may_be_kept(key, value)}
    hidden = {
        key: _mark(secret_key, key, effective.marks.get(key) or _digest(value))
        for key, value in values.items()
        if key not in shown
    }
    return {"shown": shown, "hidden": hidden}


def may_be_kept(key: str, value: Any) -> bool:
    """Whether a setting that may be shown may also be kept where it can be read for years."""
    if _PRIVATE_NAME.search(key):
        return False
    if isinstance(value, list):
        plain = all(isinstance(one, (str, int, float)) and may_be_kept(key, one) for one in value)
        return plain and len(json.dumps(value)) <= LONGEST_LIST
    text = value if isinstance(value, str) else json.dumps(value)
    return len(text) <= LONGEST and not _PRIVATE_TEXT.search(text)


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """What differs between two Named, by name. Where SECRET_KEY does, other hidden settings cannot be compared, and
    only those are named that are new or gone."""
    found: list[Change] = []
    rekeyed = before["hidden"].get(KEY) != after["hidden"].get(KEY)
    for name in sorted({*before["shown"], *before["hidden"], *after["shown"], *after["hidden"]}):
        was, now = _of(before, name), _of(after, name)
        if was == now:
            continue
        if "mark" in was and "mark" in now and rekeyed and name != KEY:
            continue
        one: Change = {"name": name, "how": "changed" if was and now else "new" if now else "gone"}
        if "value" in was:
            one["before"] = was["value"]
        if "value" in now:
            one["after"] = now["value"]
        if "mark" in was or "mark" in now:
            one["hidden"] = True
        found.append(one)
    return found


def _of(known: Mapping[str, Any], name: str) -> dict[str, Any]:
    if name in known["shown"]:
        value = known["shown"][name]
        return {"value": value, "type": type(value)}  # True is 1 for Python, and not for a setting
    return {"mark": known["hidden"][name]} if name in known["hidden"] else {}


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _mark(secret_key: str, name: str, digest: str) -> str:
    return hmac.new(secret_key.encode(), f"{name}\0{digest}".encode(), hashlib.sha256).hexdigest()[:MARK_DIGITS]
