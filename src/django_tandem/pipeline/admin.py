"""Releases, runs, their steps and gates, the lock and the notices in Django's admin."""

from __future__ import annotations

from django.contrib import admin

from django_tandem.pipeline.models import Approval, Lock, Notice, Release, Run, Step
from django_tandem.pipeline.stages import RunState
from django_tandem.queue.read_only import ReadOnly, one_of

DECISIONS = ("approved", "rejected", "expired", "superseded")


@admin.register(Release)
class ReleaseAdmin(ReadOnly):
    """Commits that were built."""

    list_display = ("release", "commit", "built_at", "became_live_at", "verified_at", "removed_at")
    ordering = ("-built_at",)
    date_hierarchy = "built_at"
    search = ("release", "commit", "digest")
    heavy = ("manifest",)


@admin.register(Run)
class RunAdmin(ReadOnly):
    """Passes of the pipeline."""

    list_display = ("id", "kind", "commit", "ref", "state", "begun_by", "begun_at", "ended_at", "reason")
    list_filter = (
        one_of("state", lambda: [(one.value, one.value) for one in RunState]),
        one_of("kind", lambda: [(one, one) for one in ("ship", "rollback", "activate")]),
    )
    date_hierarchy = "begun_at"
    search = ("commit", "ref", "begun_by")


@admin.register(Step)
class StepAdmin(ReadOnly):
    """The ledger. A number that is searched is a run's."""

    list_display = ("id", "run", "stage", "step", "leg", "host", "what", "at", "seconds", "driver")
    list_filter = (one_of("what", lambda: [(one, one) for one in ("began", "ended", "failed")]),)
    search = ("stage", "step", "leg", "host")
    number = "run"
    heavy = ("detail",)


@admin.register(Approval)
class ApprovalAdmin(ReadOnly):
    """Gates, and who decided. A number that is searched is a run's."""

    list_display = ("run", "digest", "asked_at", "expires_at", "decision", "decided_by", "via", "decided_at", "reason")
    list_filter = (one_of("decision", lambda: [(one, one) for one in DECISIONS]),)
    date_hierarchy = "asked_at"
    search = ("digest", "decided_by")
    number = "run"
    heavy = ("summary",)


@admin.register(Lock)
class LockAdmin(ReadOnly):
    """Who drives."""

    list_display = ("name", "owner", "host", "pid", "run", "epoch", "acquired_at", "heartbeat_at")
    ordering = ("name",)


@admin.register(Notice)
class NoticeAdmin(ReadOnly):
    """What somebody was told of; the jobs that tell are among the results."""

    list_display = ("id", "notice", "event", "key", "at")
    search = ("notice", "event", "key")
