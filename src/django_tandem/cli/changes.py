"""What a release changes, as people read it: commits, migrations, settings, dependencies, and what its trial said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.markup import escape

from django_tandem.pipeline import wording


def changes(summary: Mapping[str, Any], took: Any) -> list[tuple[str, list[str]]]:
    """Of what a gate is about, a label and lines of markup for each part. `took` words a duration."""
    commits = [
        f"{escape(one['commit'][:12])}  {escape(one['subject'])}  [dim]{escape(one['author'])}[/]"
        for one in summary.get("commits", [])
    ]
    dependencies = [escape(line) for line in wording.dependencies(summary.get("dependencies", {}))]
    roles = [f"{escape(role)} is {how}" for role, how in summary.get("roles", {}).items()]
    settings = [
        f"[dim]{escape(line.roles)}[/]  {escape(line.text)}" for line in wording.settings(summary.get("settings", {}))
    ]
    return [
        ("commits", [wording.since(summary), *commits]),
        ("migrations", [escape(name) for name in summary.get("migrations", [])] or ["none"]),
        *([("roles", roles)] if roles else []),
        ("settings", settings or ["none change"]),
        ("dependencies", dependencies or ["none change"]),
        ("trial", [_check(check, took) for check in summary.get("trial", [])] or ["none"]),
    ]


def _check(check: Mapping[str, Any], took: Any) -> str:
    mark = "[green]passed[/]" if check.get("passed") else "[red]failed[/]"
    seconds = f" in {took(check['seconds'])}" if "seconds" in check else ""
    text = f": {escape(check['text'])}" if check.get("text") else ""
    return f"{escape(check['name'])} {mark}{seconds}{text}"
