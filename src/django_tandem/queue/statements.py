"""The queue's SQL by name, from `sql/*.sql`: one file a step, each statement under `-- name: …` with its reason."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

_MARK = "-- name: "


@cache
def statements(step: str) -> dict[str, bytes]:
    """All statements of `sql/<step>.sql`, by name."""
    text = (files(__package__) / "sql" / f"{step}.sql").read_text(encoding="utf-8")
    found: dict[str, bytes] = {}
    for part in text.split(_MARK)[1:]:
        name, _, sql = part.partition("\n")
        found[name.strip()] = sql.strip().rstrip(";").encode()
    return found


def statement(step: str, name: str) -> bytes:
    """The statement `name` of `sql/<step>.sql`. Raises KeyError."""
    return statements(step)[name]
