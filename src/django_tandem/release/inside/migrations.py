"""Migrations: what those that are new do to the release that still runs, seen from the SQL that they are.

The scratch database is brought to where the live release is; then each new migration is linted, and applied.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Set
from dataclasses import replace
from typing import Any

import sqlparse
from django.db import connections
from django.db.migrations import Migration, RunPython
from django.db.migrations.executor import MigrationExecutor

from django_tandem.config.boot import project_settings
from django_tandem.config.read import read

NOT_NULL = "NOT_NULL"

# Names in quotes as they are, and texts, whose content is none of the linter's business.
_QUOTED = re.compile(r"""("[^"]*")|'(?:[^']|'')*'|\$(\w*)\$.*?\$\2\$""", re.DOTALL)
_BY_HAND = re.compile(r"\bNOT NULL (DEFAULT \S+)")
_TABLE = re.compile(r'\b(?:TABLE|ON|INTO|UPDATE|FROM) (?:IF EXISTS |IF NOT EXISTS |ONLY )*"?([^\s"(;]+)')
_COLUMN = re.compile(
    r'^ALTER TABLE (?:IF EXISTS |ONLY )*"?([^\s"]+)"? (?:ADD|ALTER)(?: COLUMN)?(?: IF NOT EXISTS)? "?([^\s"]+)'
)


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """`applied`: the migrations of the live release → `found`: migration, level, code, table, column and text of each
    finding; `new` and `gone`: migrations that only this release, or only the live one has; `other`: aliases that are
    not of PostgreSQL."""
    tandem = read()
    with project_settings(tandem):
        import django

        django.setup()
    applied = set(request["applied"])
    aliases = [alias for alias in dict.fromkeys(["default", tandem.alias]) if connections.settings[alias].get("ENGINE")]
    ours = [alias for alias in aliases if connections[alias].vendor == "postgresql"]
    found: list[dict[str, Any]] = []
    new: list[str] = []
    disk: set[str] = set()
    for alias in ours:
        _create(alias)
        for one in _lint(alias, applied, new, disk):
            if one not in found:
                found.append(one)
    return {
        "found": found,
        "new": list(dict.fromkeys(new)),
        "gone": sorted(applied - disk) if ours else [],
        "other": [alias for alias in aliases if alias not in ours],
    }


def _lint(alias: str, applied: Collection[str], new: list[str], disk: set[str]) -> Iterator[dict[str, Any]]:
    from django.core.management.sql import emit_post_migrate_signal, emit_pre_migrate_signal
    from django_migration_linter.migration_linter import MigrationLinter

    executor = MigrationExecutor(connections[alias])
    known = executor.loader.disk_migrations
    disk.update(f"{app}.{name}" for app, name in known)
    disk.update(f"{app}.{name}" for one in known.values() for app, name in one.replaces)
    leaves = executor.loader.graph.leaf_nodes()
    plan = executor.migration_plan(leaves)
    old = [step for step in plan if _is_applied(step[0], applied)]
    state = executor.loader.project_state((), at_end=False) if not old else None
    emit_pre_migrate_signal(0, False, alias, plan=old)
    try:
        state = executor.migrate(leaves, plan=old, state=state)
    except Exception as error:  # noqa: BLE001 - whatever a migration raises
        yield _finding("", "ERROR", "NOT_APPLICABLE", f"those of the live release do not apply anew: {_cause(error)}")
        return
    state.clear_delayed_apps_cache()
    emit_post_migrate_signal(0, False, alias, apps=state.apps, plan=old)
    there = {name.lower() for name in connections[alias].introspection.table_names()}
    linter = MigrationLinter(database=alias, no_cache=True, no_output=True, analyser_string="postgresql")
    for migration, backwards in plan:
        name = f"{migration.app_label}.{migration.name}"
        if _is_applied(migration, applied):
            continue
        new.append(name)
        try:
            yield from _findings(linter, migration, name, there)
            state = executor.migrate(leaves, plan=[(migration, backwards)], state=state)
        except Exception as error:  # noqa: BLE001 - whatever a migration raises
            yield _finding(name, "ERROR", "NOT_APPLICABLE", f"it does not apply to an empty database: {_cause(error)}")
            return


def _findings(linter: Any, migration: Migration, name: str, there: Set[str]) -> Iterator[dict[str, Any]]:
    """What the linter finds; of errors those about the tables that are `there`: the live release knows no others."""
    from django_migration_linter.sql_analyser.analyser import analyse_sql_statements

    if linter.should_ignore_migration(migration.app_label, migration.name, migration.operations):
        yield _finding(name, "INFO", "IGNORED", "marked by IgnoreMigration as intended")
        return
    # As sqlmigrate has it: the linter's own look at RunSQL also takes what undoes it for what is done.
    sql = "\n".join(linter.get_sql(migration.app_label, migration.name))
    statements = _statements(sql)
    errors, _, warnings = analyse_sql_statements(linter.sql_analyser_class, statements, [NOT_NULL])
    for table, column, group in _by_column(statements):
        # By itself: in one look at all, the default of one column stands for that of another.
        found = analyse_sql_statements(linter.sql_analyser_class, group, ())[0]
        errors += [replace(one, table=table, column=column) for one in found if one.code == NOT_NULL]
    for operation in migration.operations:
        if isinstance(operation, RunPython):
            warnings = [*warnings, *linter.lint_runpython(operation)[2]]
    mentioned = [match[1].lower() for statement in statements for match in _TABLE.finditer(statement)]
    errors = [one for one in errors if not there.isdisjoint([one.table.lower()] if one.table else mentioned)]
    for level, issues in (("ERROR", errors), ("WARNING", warnings)):
        for issue in issues:
            yield _finding(name, level, issue.code, issue.message, issue.table, issue.column)


def _statements(sql: str) -> list[str]:
    """One line a statement, as Django writes them and the linter's patterns want them: key words in capitals, a default
    before NOT NULL. Hand-written SQL need not be like that."""
    lines = (" ".join(statement.split()) for statement in sqlparse.split(sqlparse.format(sql, strip_comments=True)))
    return [_BY_HAND.sub(r"\1 NOT NULL", _capitals(line)) for line in lines if line]


def _capitals(line: str) -> str:
    done, at = [], 0
    for match in _QUOTED.finditer(line):
        done += [line[at : match.start()].upper(), match[1] or "''"]
        at = match.end()
    return "".join([*done, line[at:].upper()])


def _by_column(statements: list[str]) -> Iterator[tuple[str | None, str | None, list[str]]]:
    """The statements that alter each column (table, column), and then all others."""
    groups: dict[tuple[str | None, str | None], list[str]] = {}
    for statement in statements:
        match = _COLUMN.match(statement)
        groups.setdefault((match[1], match[2]) if match else (None, None), []).append(statement)
    for (table, column), group in groups.items():
        yield table, column, group


def _is_applied(migration: Migration, applied: Collection[str]) -> bool:
    """Whether the live release has it, or all that it replaces."""
    if f"{migration.app_label}.{migration.name}" in applied:
        return True
    replaced = [f"{app}.{name}" for app, name in migration.replaces]
    return bool(replaced) and all(one in applied for one in replaced)


def _finding(
    migration: str, level: str, code: str, text: str, table: str | None = None, column: str | None = None
) -> dict[str, Any]:
    return {"migration": migration, "level": level, "code": code, "text": text, "table": table, "column": column}


def _create(alias: str) -> None:
    """The database of `alias` on the scratch server, where it is not there yet."""
    wrapper: Any = connections[alias]
    name = wrapper.settings_dict["NAME"]
    with wrapper._nodb_cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if not cursor.fetchone():
            cursor.execute(f"CREATE DATABASE {wrapper.ops.quote_name(name)}")


def _cause(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:400]
