"""The figures as tables: for a terminal, and as Markdown for docs/why/figures.md."""

from __future__ import annotations

from typing import Any

from rich.table import Column, Table

HEAD = (
    "system",
    "no-op jobs drained a second",
    "enqueued a second, own commit",
    "pick-up when idle, p50",
    "urgent under a backlog, p99",
    "durable",
)


def for_terminal(systems: dict[str, dict[str, Any]], missing: dict[str, str]) -> Table:
    """A row each, the reasons for what is missing below."""
    table = Table(Column(HEAD[0], no_wrap=True), *HEAD[1:], caption="\n".join(_gaps(systems, missing)) or None)
    for row in _rows(systems):
        table.add_row(*row)
    return table


def as_markdown(systems: dict[str, dict[str, Any]], missing: dict[str, str], machine: dict[str, Any]) -> str:
    """What stands in docs/why/figures.md: the machine, the figures, then how each system was set up."""
    seen = (
        f"{machine['date']}, {machine['cores']} cores, PostgreSQL {machine['server_version']} "
        f"(fsync {machine['fsync']}, synchronous_commit {machine['synchronous_commit']}), "
        f"Redis {machine['redis_version'] or 'missing'} (appendfsync always), Python {machine['python_version']}, "
        f"rounds: {machine['rounds']}."
    )
    figures = [_line(HEAD), _line(["---"] * len(HEAD)), *map(_line, _rows(systems))]
    head = ("system", "version", "queue in", "set up", "jobs drained, waiting", "urgent by", "after a kill")
    setups = [_line(head), _line(["---"] * len(head))]
    for name, one in systems.items():
        work = f"{one['drain_jobs']:,} · {one['backlog_jobs']:,}"
        setups.append(_line((name, one["version"], one["broker"], one["setup"], work, one["urgent"], one["note"])))
    gaps = [f"- {gap}" for gap in _gaps(systems, missing)]
    return "\n".join([seen, "", *figures, "", *setups, *(["", *gaps] if gaps else [])])


def _rows(systems: dict[str, dict[str, Any]]) -> list[list[str]]:
    return [
        [
            name,
            _number(one["drain_per_s"], 0),
            _number(one["enqueue_per_s"], 0),
            _number(one["pickup_p50_ms"], 1, " ms"),
            _number(one["urgent_p99_ms"], 1, " ms"),
            "yes" if one["durable"] else "no",
        ]
        for name, one in systems.items()
    ]


def _number(value: float | None, digits: int, unit: str = "") -> str:
    return "–" if value is None else f"{value:,.{digits}f}{unit}"


def _gaps(systems: dict[str, dict[str, Any]], missing: dict[str, str]) -> list[str]:
    without = [f"{name}, {figure}: {why}" for name, one in systems.items() for figure, why in one["reasons"].items()]
    return [*without, *(f"{name} is missing: {why}" for name, why in missing.items())]


def _line(cells: Any) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"
