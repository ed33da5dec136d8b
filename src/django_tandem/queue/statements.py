"""SQL by name, from a room's `sql/*.sql`: one file a step, each statement under `-- name: …` with its reason."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

_MARK = "-- name: "


@cache
def statements(step: str, package: str = __package__) -> dict[str, bytes]:
    """All statements of `sql/<step>.sql` in `package`, by name."""
    text = (files(package) / "sql" / f"{step}.sql").read_text(encoding="utf-8")
    found: dict[str, bytes] = {}
    for part in text.split(_MARK)[1:]:
        name, _, sql = part.partition("\n")
        found[name.strip()] = sql.strip().rstrip(";").encode()
    return found


def statement(step: str, name: str, package: str = __package__) -> bytes:
    """The statement `name` of `sql/<step>.sql` in `package`. Raises KeyError."""
    return statements(step, package)[name]
