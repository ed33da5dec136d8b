"""A run as people read it: a head, what it changes, the gate, the steps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from django_tandem.cli.changes import changes

STYLES = {
    "waiting": "yellow",
    "running": "cyan",
    "waiting for approval": "bold yellow",
    "approved": "cyan",
    "forking": "cyan",
    "live": "green",
    "ended": "green",
    "failed": "red",
    "cut off": "red",
    "rejected": "red",
    "expired": "red",
    "rolled back": "red",
    "superseded": "dim",
    "cancelled": "dim",
}


def print_run(console: Console, facts: dict[str, Any]) -> None:
    """Print all of a run, as `pipeline.facts` gives it."""
    run = facts["run"]
    name = {"ship": "", "rollback": "rollback to ", "activate": "activate "}[run["kind"]] + name_of(run)
    live = ", [green]and is what is live now[/]" if facts["live"] else ""
    console.print(f"[bold]run {run['id']}[/]  {escape(name)}  [{STYLES[run['state']]}]{run['state']}[/]{live}")
    head = Table.grid(padding=(0, 2))
    for label, value in (
        ("because", run["reason"]),
        ("ref", run["ref"]),
        ("begun", f"{clock(run['begun_at'])} by {run['begun_by']} ({run['begun_via']})"),
        ("took" if run["ended_at"] else "so far", took(run["seconds"])),
        ("digest", run["digest"]),
        ("driven by", facts["driver"]),
    ):
        if value is not None:
            head.add_row(f"[dim]{label}[/]", escape(str(value)))
    console.print(head)
    if facts["approval"] is not None:
        print_gate(console, facts["approval"])
    if facts["steps"]:
        console.print(_steps(facts["steps"]))


def name_of(run: dict[str, Any]) -> str:
    """The name of a run's release."""
    return str(run["commit"] if run["kind"] == "activate" else run["commit"][:12])


def print_gate(console: Console, gate: dict[str, Any]) -> None:
    """Print what whoever decides is shown, and who decided."""
    console.print()
    grid = Table.grid(padding=(0, 2))
    for label, lines in changes(gate["summary"], took):
        for number, line in enumerate(lines):
            grid.add_row(f"[dim]{label}[/]" if number == 0 else "", line)
    grid.add_row("[dim]gate[/]", _decision(gate))
    console.print(grid)


def print_log(rows: Sequence[dict[str, Any]]) -> None:
    """Print the rows of a ledger, a line each."""
    for row in rows:
        where = " ".join(part for part in (row["leg"], row["host"] and f"on {row['host']}") if part)
        after = "" if row["seconds"] is None else f" after {took(row['seconds'])}"
        detail = f"  {json.dumps(row['detail'], ensure_ascii=False)}" if row["detail"] else ""
        step = _step_name(row["stage"], row["step"])
        click.echo(f"{clock(row['at'])} {step}{f' ({where})' if where else ''} {row['what']}{after}{detail}")


def clock(text: str) -> str:
    """A time of day here, with its date."""
    return f"{datetime.fromisoformat(text).astimezone():%m-%d %H:%M:%S}"


def took(seconds: float | None) -> str:
    """A duration: 0.21 s, 42.0 s, 3 min 20 s, 26 h 5 min."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _steps(steps: Sequence[dict[str, Any]]) -> Table:
    table = Table("step", "leg", "host", "began", "took", "", "", box=box.SIMPLE_HEAD, pad_edge=False)
    for step in steps:
        text = step["detail"].get("text") or step["detail"].get("says") or ""
        table.add_row(
            _step_name(step["stage"], step["step"]), escape(step["leg"] or ""), escape(step["host"] or ""),
            clock(step["began_at"]), took(step["seconds"]), f"[{STYLES[step['state']]}]{step['state']}[/]",
            escape(str(text)),
        )  # fmt: skip
    return table


def _step_name(stage: str, step: str) -> str:
    return stage if stage == step else f"{stage}: {step}"


def _decision(gate: dict[str, Any]) -> str:
    if gate["decision"] is None and gate["seconds_left"] <= 0:
        return f"[red]nobody decided until {clock(gate['expires_at'])}[/]: ship it again"
    if gate["decision"] is None:
        return (
            f"[bold yellow]waits for approval[/] until {clock(gate['expires_at'])}: "
            f"tandem approve {gate['run']}, or tandem reject {gate['run']}"
        )
    style = "green" if gate["decision"] == "approved" else "red"
    who = f" by {escape(gate['decided_by'])}, {escape(gate['via'])}" if gate["decided_by"] else ""
    why = f": {escape(gate['reason'])}" if gate["reason"] else ""
    return f"[{style}]{gate['decision']}[/]{who}, {clock(gate['decided_at'])}{why}"
