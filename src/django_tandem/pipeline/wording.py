"""What a gate's summary says of settings and dependencies, in plain words: the same in a terminal and on a page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple


class Line(NamedTuple):
    """`roles`: "all roles", or their names."""

    roles: str
    text: str


def settings(by_role: Mapping[str, list[Any]]) -> list[Line]:
    """A line for each setting that changes; what changes alike in several roles is said once."""
    roles: dict[str, list[str]] = {}
    for role, changed in by_role.items():
        for one in changed:
            roles.setdefault(_setting(one), []).append(role)
    most = len(by_role) if len(by_role) > 1 else 0
    lines = [Line("all roles" if len(found) == most else ", ".join(found), text) for text, found in roles.items()]
    return sorted(lines)


def dependencies(by_name: Mapping[str, Any]) -> list[str]:
    """A line for each dependency that changes."""
    return [f"{name} {before or '(new)'} → {after or '(removed)'}" for name, (before, after) in by_name.items()]


def since(summary: Mapping[str, Any]) -> str:
    """What a release is compared with."""
    if not summary.get("since"):
        return "the first release"
    lost = "; that commit is not in this repository (a shallow clone?), so those between are not known"
    return f"since {summary['since'][:12]}" + ("" if summary.get("since_is_here", True) else lost)


def _setting(one: Any) -> str:
    if isinstance(one, str):  # as rows had it before there were values
        return f"{one} changed"
    name, how = one["name"], one.get("how", "changed")
    if one.get("hidden"):
        more = "; other hidden settings cannot be compared" if name == "SECRET_KEY" else ""
        return f"{name} {'changed' if how == 'changed' else f'is {how}'} (hidden){more}"
    before, after = one.get("before"), one.get("after")
    if isinstance(before, list) and isinstance(after, list):
        return f"{name}: {_list(before, after)}"
    was = "(new)" if how == "new" else _text(before)
    now = "(removed)" if how == "gone" else _text(after)
    return f"{name}: {was} → {now}"


def _list(before: list[Any], after: list[Any]) -> str:
    more = [f"+ {_text(one)}" for one in after if one not in before]
    less = [f"− {_text(one)}" for one in before if one not in after]
    return ", ".join([*more, *less]) or "in another order"


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
