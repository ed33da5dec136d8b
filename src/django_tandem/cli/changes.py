"""What a release changes, as people read it: commits, migrations, settings, dependencies, and what its trial said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rich.markup import escape


def changes(summary: Mapping[str, Any], took: Any) -> list[tuple[str, list[str]]]:
    """Of what a gate is about, a label and lines of markup for each part. `took` words a duration."""
    commits = [
        f"{escape(one['commit'][:12])}  {escape(one['subject'])}  [dim]{escape(one['author'])}[/]"
        for one in summary.get("commits", [])
    ]
    dependencies = [
        f"{escape(name)} {escape(before or '(new)')} → {escape(after or '(removed)')}"
        for name, (before, after) in summary.get("dependencies", {}).items()
    ]
    since = f"since {summary['since'][:12]}" if summary.get("since") else "the first release"
    roles = [f"{escape(role)} is {how}" for role, how in summary.get("roles", {}).items()]
    return [
        ("commits", [since, *commits]),
        ("migrations", [escape(name) for name in summary.get("migrations", [])] or ["none"]),
        *([("roles", roles)] if roles else []),
        ("settings", _settings(summary.get("settings", {})) or ["none change"]),
        ("dependencies", dependencies or ["none change"]),
        ("trial", [_check(check, took) for check in summary.get("trial", [])] or ["none"]),
    ]


def _settings(by_role: Mapping[str, list[Any]]) -> list[str]:
    """A line for each setting; what changes alike in several roles is said once."""
    roles: dict[str, list[str]] = {}
    for role, changed in by_role.items():
        for one in changed:
            roles.setdefault(_setting(one), []).append(role)
    most = len(by_role) if len(by_role) > 1 else 0
    named = {line: "all roles" if len(found) == most else ", ".join(found) for line, found in roles.items()}
    return [f"[dim]{escape(named[line])}[/]  {line}" for line in sorted(roles, key=lambda line: (named[line], line))]


def _setting(one: Any) -> str:
    if isinstance(one, str):  # as rows had it before there were values
        return f"{escape(one)} changed"
    name, how = escape(one["name"]), one.get("how", "changed")
    if one.get("hidden"):
        more = "; other hidden settings cannot be compared" if one["name"] == "SECRET_KEY" else ""
        return f"{name} {'changed' if how == 'changed' else f'is {how}'} (hidden){more}"
    before, after = one.get("before"), one.get("after")
    if isinstance(before, list) and isinstance(after, list):
        return f"{name}: {_list(before, after)}"
    was = "(new)" if how == "new" else escape(_text(before))
    now = "(removed)" if how == "gone" else escape(_text(after))
    return f"{name}: {was} → {now}"


def _list(before: list[Any], after: list[Any]) -> str:
    more = [f"+ {escape(_text(one))}" for one in after if one not in before]
    less = [f"− {escape(_text(one))}" for one in before if one not in after]
    return ", ".join([*more, *less]) or "in another order"


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _check(check: Mapping[str, Any], took: Any) -> str:
    mark = "[green]passed[/]" if check.get("passed") else "[red]failed[/]"
    seconds = f" in {took(check['seconds'])}" if "seconds" in check else ""
    text = f": {escape(check['text'])}" if check.get("text") else ""
    return f"{escape(check['name'])} {mark}{seconds}{text}"
