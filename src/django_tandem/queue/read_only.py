"""Tandem's tables in Django's admin: pages that show, change nothing, and stay quick in tables of millions.

Acting on jobs, servers and releases has its own commands and its own dashboard: a form that writes a row would leave
out what else has to happen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.core.paginator import Paginator
from django.db.models import AutoField, IntegerField, Max, Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from django_tandem.queue.options import queue_database

# Django's classes name what they are of to a type checker only.
if TYPE_CHECKING:
    _Paginator = Paginator[Any]
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _Paginator, _ModelAdmin = Paginator, admin.ModelAdmin

# Filters and search look at so many of the newest rows. A number finds its row wherever it is.
NEWEST = 100_000

# A list has no more rows than this, so that nobody counts a million of them.
MOST_LISTED = 1_000

# The numbers of rows are of PostgreSQL's bigint.
MOST_DIGITS = 18


class Bounded(_Paginator):
    """Counts as far as a list goes, and no further."""

    @cached_property
    def count(self) -> int:
        """How many rows there are, at most MOST_LISTED."""
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        return len(rows.order_by().values_list("pk")[:MOST_LISTED])


class ReadOnly(_ModelAdmin):
    """A table that nobody edits here. `search`: the fields that a word is compared with; `number`: the one that a
    number is. `heavy`: what is not read for a list. `instead`: methods that show a field on its own page."""

    show_full_result_count = False
    paginator = Bounded
    list_per_page = list_max_show_all = 100
    actions = None
    ordering = ("-pk",)

    search: ClassVar[tuple[str, ...]] = ()
    number: ClassVar[str] = "pk"
    heavy: ClassVar[tuple[str, ...]] = ()
    instead: ClassVar[dict[str, str]] = {}

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """What lets the box for a search appear; how it is searched is said below."""
        return self.search

    @property
    def search_help_text(self) -> str:  # type: ignore[override]
        """What the box is for."""
        words = [*(["a number"] if _is_numbered(self.model) else []), *self.search]
        return f"{' or '.join(words)}, in full; of the newest {NEWEST:,} rows. A list has at most {MOST_LISTED:,}."

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Rows of the database that carries the queue, whatever routers say."""
        rows: QuerySet[Any] = super().get_queryset(request)
        ours: QuerySet[Any] = rows.using(queue_database()).defer(*self.heavy)
        return ours

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """All that there is, in the order of the table."""
        return tuple(self.instead.get(field.name, field.name) for field in self.model._meta.fields)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """All."""
        return self.get_fields(request, obj)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Rows that have the word or the number as it is: what only contains it no index could find."""
        word = search_term.strip()
        if not word:
            return queryset, False
        if word.isdecimal() and len(word) <= MOST_DIGITS and _is_numbered(self.model):
            return queryset.filter(**{self.number: int(word)}), False
        same = Q()
        for field in self.search:
            same |= Q(**{field: word})
        return newest(queryset).filter(same), False


def newest(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Of `rows` those that are among the newest of the table."""
    if not _is_numbered(rows.model):
        return rows
    last: int | None = rows.model._default_manager.using(rows.db).aggregate(last=Max("pk"))["last"]
    newer: QuerySet[Any] = rows.filter(pk__gt=(last or 0) - NEWEST)
    return newer


def one_of(field: str, values: Callable[[], Iterable[tuple[Any, str]]]) -> type[SimpleListFilter]:
    """A filter by a field whose values are known; those that the table has would have to be looked for in all of it.
    `values` are told with what they are called."""

    class OneOf(SimpleListFilter):
        title = parameter_name = field

        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
            return [(str(value), name) for value, name in values()]

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            chosen = [value for value, _ in values() if str(value) == self.value()]
            return newest(queryset).filter(**{field: chosen[0]}) if chosen else queryset

    return OneOf


def _is_numbered(model: type[Model]) -> bool:
    return isinstance(model._meta.pk, (AutoField, IntegerField))
