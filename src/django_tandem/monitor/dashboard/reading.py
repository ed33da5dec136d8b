"""Rows of the queue's database for a page, on Django's own connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connections

from django_tandem.queue.options import queue_database

# A number that PostgreSQL takes for an id.
MOST = 2**63 - 1


def rows(query: bytes, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """What `query`, a statement, finds."""
    with connections[queue_database()].cursor() as cursor:
        cursor.execute(query, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def dicts(query: bytes, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The same, each row by the names of its columns."""
    with connections[queue_database()].cursor() as cursor:
        cursor.execute(query, parameters)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
