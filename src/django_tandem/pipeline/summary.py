"""What a person is shown who decides at the gate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypedDict

from django_tandem.release.named import Change, changes

# What is told where a release has no settings by name: it was built before there were any.
UNNAMED = "effective settings"


class Commit(TypedDict):
    """A commit that becomes live."""

    commit: str
    author: str
    subject: str


class Check(TypedDict, total=False):
    """A part of the trial. `text`: what it found."""

    name: str
    passed: bool
    seconds: float
    text: str


class Range(TypedDict, total=False):
    """Which commits become live, newest first. `since`: the live one, None where none is; where it is not in the
    repository, `since_is_here` is False, and of the commits only the newest is known."""

    since: str | None
    since_is_here: bool
    commits: list[Commit]


class Summary(Range, total=False):
    """What changes since the live release, as JSON. `settings`: what changes, by role, with the values that may be
    shown; `roles`: those that are "new" or "gone"; `dependencies`: by name, the versions before and after, None where
    it was not there or is not any more."""

    migrations: list[str]
    settings: dict[str, list[Change]]
    roles: dict[str, Literal["new", "gone"]]
    dependencies: dict[str, tuple[str | None, str | None]]
    trial: list[Check]


def changed_settings(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Change]]:
    """By role that two manifests have, what differs. Where one has no settings by name, only that something does."""
    found = {}
    for role in after["settings"]:
        if before["settings"].get(role) in (None, after["settings"][role]):
            continue
        was, now = ((manifest.get("named") or {}).get(role) for manifest in (before, after))
        by_name = changes(was, now) if was and now else []
        found[role] = by_name or [Change(name=UNNAMED, how="changed", hidden=True)]
    return found


def changed_roles(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Literal["new", "gone"]]:
    """The roles that only one of two manifests has."""
    was, now = before["settings"].keys(), after["settings"].keys()
    return {role: "new" if role in now else "gone" for role in sorted(was ^ now)}


def changed_dependencies(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> dict[str, tuple[str | None, str | None]]:
    """By name, the versions in two manifests where they differ."""
    was, now = before["dependencies"], after["dependencies"]
    names = sorted(was.keys() | now.keys())
    return {name: (was.get(name), now.get(name)) for name in names if was.get(name) != now.get(name)}
