"""A migration that runs a file of SQL on the database that carries the queue, and on no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import ProjectState

from django_tandem.queue.options import queue_database


class RunOnQueueDatabase(migrations.RunSQL):
    """Run the SQL in the file `path`, where the database is the queue's. `reverse` is the SQL that undoes it."""

    def __init__(self, path: Path, reverse: str) -> None:
        super().__init__(path.read_text(), reverse)
        self.path = path

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return self.__class__.__name__, [self.path, self.reverse_sql], {}

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if schema_editor.connection.alias == queue_database():
            # As one string: the driver takes several statements, and Django would need sqlparse to split them.
            schema_editor.execute(str(self.sql), params=None)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if schema_editor.connection.alias == queue_database():
            schema_editor.execute(str(self.reverse_sql), params=None)
