"""Samples, alarms and the audit in Django's admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest

from django_tandem.monitor.models import Alarm, Audit, Sample
from django_tandem.queue.read_only import ReadOnly, newest, one_of

RESOLUTIONS = {5: "5 seconds", 60: "a minute", 3600: "an hour"}


class IsOpen(SimpleListFilter):
    """Whether an alarm has ended."""

    title = parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Yes and no."""
        return [("yes", "yes"), ("no", "no")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those that have no end, or those that have one."""
        if self.value() not in ("yes", "no"):
            return queryset
        wanted: QuerySet[Any] = newest(queryset).filter(ended_at__isnull=self.value() == "yes")
        return wanted


@admin.register(Sample)
class SampleAdmin(ReadOnly):
    """What servers saw of themselves."""

    list_display = ("id", "at", "resolution", "role", "host", "server", "release")
    list_filter = (one_of("resolution", RESOLUTIONS.items),)
    search = ("role", "host", "release")
    heavy = ("facts",)


@admin.register(Alarm)
class AlarmAdmin(ReadOnly):
    """What is wrong, or was."""

    list_display = ("id", "kind", "subject", "text", "since", "opened_at", "seen_at", "ended_at")
    list_filter = (IsOpen,)
    search = ("kind", "subject")


@admin.register(Audit)
class AuditAdmin(ReadOnly):
    """What people did in the dashboard, or were refused."""

    list_display = ("id", "at", "who", "via", "action", "outcome", "text")
    list_filter = (one_of("outcome", lambda: [(one, one) for one in ("began", "done", "refused", "failed")]),)
    search = ("who", "action")
    heavy = ("detail",)
