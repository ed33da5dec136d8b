"""The pipeline's tables as Django models: for reading. Writing goes through ledger, lock and approval only."""

from __future__ import annotations

from django.db import models


class Release(models.Model):
    """A commit, built once; `manifest` is what it is made of."""

    digest = models.TextField(primary_key=True)
    release = models.TextField()
    commit = models.TextField()
    manifest = models.JSONField()
    built_at = models.DateTimeField()
    became_live_at = models.DateTimeField(null=True)
    verified_at = models.DateTimeField(null=True)
    removed_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "tandem_release"

    def __str__(self) -> str:
        return f"release {self.release}"


class Run(models.Model):
    """One pass of the pipeline for one commit."""

    id = models.BigAutoField(primary_key=True)
    kind = models.TextField()
    commit = models.TextField()
    ref = models.TextField(null=True)
    policy = models.TextField()
    state = models.TextField()
    digest = models.TextField(null=True)
    begun_by = models.TextField()
    begun_via = models.TextField()
    begun_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    reason = models.TextField(null=True)
    superseded_by = models.BigIntegerField(null=True)

    class Meta:
        managed = False
        db_table = "tandem_run"

    def __str__(self) -> str:
        return f"run {self.pk} of {self.commit[:12]}: {self.state}"


class Step(models.Model):
    """A row of the ledger, written before a step or after it."""

    id = models.BigAutoField(primary_key=True)
    run = models.BigIntegerField()
    stage = models.TextField()
    step = models.TextField()
    leg = models.TextField(null=True)
    host = models.TextField(null=True)
    what = models.TextField()
    began = models.BigIntegerField(null=True)
    at = models.DateTimeField()
    seconds = models.FloatField(null=True)
    driver = models.TextField()
    epoch = models.BigIntegerField()
    detail = models.JSONField()

    class Meta:
        managed = False
        db_table = "tandem_step"

    def __str__(self) -> str:
        return f"{self.stage} {self.step} {self.what}"


class Approval(models.Model):
    """The gate of a run."""

    id = models.BigAutoField(primary_key=True)
    run = models.BigIntegerField()
    digest = models.TextField()
    summary = models.JSONField()
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    decision = models.TextField(null=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.TextField(null=True)
    via = models.TextField(null=True)
    reason = models.TextField(null=True)

    class Meta:
        managed = False
        db_table = "tandem_approval"

    def __str__(self) -> str:
        return f"the gate of run {self.run}: {self.decision or 'waits'}"


class Lock(models.Model):
    """Who drives."""

    name = models.TextField(primary_key=True)
    epoch = models.BigIntegerField()
    owner = models.TextField(null=True)
    host = models.TextField(null=True)
    machine = models.TextField(null=True)
    pid = models.IntegerField(null=True)
    started = models.FloatField(null=True)
    run = models.BigIntegerField(null=True)
    acquired_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "tandem_lock"

    def __str__(self) -> str:
        return f"{self.name}: {self.owner or 'nobody'} at epoch {self.epoch}"


class Notice(models.Model):
    """An event of which somebody is told."""

    id = models.BigAutoField(primary_key=True)
    notice = models.TextField()
    key = models.TextField()
    event = models.TextField()
    at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "tandem_notice"

    def __str__(self) -> str:
        return f"{self.notice}: {self.key}"
