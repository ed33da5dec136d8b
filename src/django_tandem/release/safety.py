"""Migration safety in words: what each of the linter's codes does to the release that still runs, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django_tandem.release.findings import Finding, Level

INTENDED = (
    "Where it is meant so, and the live release does not use it any more, add IgnoreMigration() of "
    "django_migration_linter to the operations of the migration."
)
_LATER = " Contract, which this migration does, in a later one."
_CONTRACT = "Expand first: ship a release that does not use it." + _LATER
_BOTH = "add a new column, write both, fill it, and drop the old one in a later release."

# By the linter's code: what the live release meets, and what to do instead.
WORDS: Mapping[str, tuple[str, str]] = {
    "DROP_TABLE": ("drops a table that the live release may read and write", _CONTRACT),
    "DROP_COLUMN": (
        "drops a column that the live release names in every query of its model",
        "Expand first: ship a release whose model has no such field (SeparateDatabaseAndState keeps the column)."
        + _LATER,
    ),
    "RENAME_TABLE": (
        "renames a table that the live release reads and writes",
        "Keep its name: Meta.db_table names it, whatever the model is called.",
    ),
    "RENAME_COLUMN": (
        "renames a column that the live release reads and writes",
        "Keep its name: db_column names it, whatever the field is called. Or expand: " + _BOTH,
    ),
    "NOT_NULL": (
        "demands a value that the live release does not write: its inserts would fail",
        "Expand first: give it a db_default (Django 5.0) or null=True, fill it, and demand it in a later release.",
    ),
    "ALTER_COLUMN": (
        "changes the type of a column under the live release, and locks the table while it is rewritten",
        "A longer varchar is harmless: mark it as intended. Else expand: " + _BOTH,
    ),
    "ADD_UNIQUE": (
        "demands that values be unique, which the live release does not see to: its inserts can fail",
        "Expand first: ship a release that writes unique values only, and mend the rows." + _LATER,
    ),
    "NOT_APPLICABLE": ("cannot be applied", "Mend it: it would stop the release half-way."),
}
_ADVICE = {
    "CREATE_INDEX": "Writes wait while it is built: AddIndexConcurrently in a migration with atomic = False.",
    "CREATE_INDEX_EXCLUSIVE": "Make the index in a migration of its own: the table is locked until both are done.",
    "DROP_INDEX": "RemoveIndexConcurrently in a migration with atomic = False.",
    "REINDEX": "REINDEX CONCURRENTLY in a migration with atomic = False.",
}


def judge(found: Iterable[Mapping[str, Any]], gone: Iterable[str], other: Iterable[str]) -> list[Finding]:
    """The findings of release.inside.migrations, as its answer names them, in words."""
    findings = [_finding(one) for one in found]
    findings += [
        Finding(
            level="warning",
            what=f"{name} is applied by the live release and not in this one",
            instead="Nothing, if this is an older commit and its code lives with newer tables; else commit it again.",
        )
        for name in gone
    ]
    findings += [
        Finding(
            level="warning",
            what=f'the migrations of DATABASES["{alias}"] are not looked at: it is no PostgreSQL',
            instead="See for yourself that the live release can live with them.",
        )
        for alias in other
    ]
    return findings


def _finding(one: Mapping[str, Any]) -> Finding:
    levels: dict[str, Level] = {"ERROR": "error", "WARNING": "warning", "INFO": "note"}
    level = levels[one["level"]]
    if one["code"] == "NOT_APPLICABLE":
        what = f"{one['migration'] or 'migrations'}: {one['text']}"
        return Finding(level=level, what=what, instead=WORDS["NOT_APPLICABLE"][1])
    where = ".".join(part for part in (one["table"], one["column"]) if part)
    if one["code"] in WORDS:
        does, instead = WORDS[one["code"]]
        what = f"{one['migration']} {does}{f': {where}' if where else ''}"
        return Finding(level=level, what=what, instead=f"{instead} {INTENDED}")
    what = f"{one['migration']}: {one['text']}{f' ({where})' if where else ''}"
    return Finding(level=level, what=what, instead=_ADVICE.get(one["code"], ""))
