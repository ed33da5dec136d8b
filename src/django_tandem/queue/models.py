"""The queue's tables as Django models: for reading. Writing goes through enqueue, claim, finish and lease only."""

from __future__ import annotations

from django.db import models


class Fence(models.Model):
    """One row: the release that may claim, and the epoch."""

    the_one = models.BooleanField(primary_key=True, default=True)
    release = models.TextField(null=True)
    epoch = models.BigIntegerField(default=0)
    changed_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "tandem_fence"

    def __str__(self) -> str:
        return f"{self.release} at epoch {self.epoch}"


class Server(models.Model):
    """A running role on a host, at one release."""

    id = models.BigAutoField(primary_key=True)
    role = models.TextField()
    host = models.TextField()
    pid = models.IntegerField()
    release = models.TextField()
    config_digest = models.TextField()
    state = models.TextField()
    started_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField()
    silent_since = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "tandem_server"

    def __str__(self) -> str:
        return f"{self.role} on {self.host} ({self.pid})"


class JobFields(models.Model):
    """What a waiting job and a finished one have in common."""

    queue = models.TextField()
    task = models.TextField()
    arguments = models.TextField()
    backend = models.TextField()
    priority = models.SmallIntegerField()
    state = models.SmallIntegerField()
    attempt = models.SmallIntegerField(default=0)
    worker = models.IntegerField(null=True)
    server = models.BigIntegerField(null=True)
    enqueued_at = models.DateTimeField()
    run_after = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    history = models.TextField(null=True)
    limit_key = models.TextField(null=True)
    limit_most = models.SmallIntegerField(null=True)
    unique_key = models.TextField(null=True)
    replace_key = models.TextField(null=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.task} {self.pk}"


class Job(JobFields):
    """An unfinished job."""

    id = models.BigAutoField(primary_key=True)
    due = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    cancelled_by = models.TextField(null=True)
    forgiven = models.SmallIntegerField(default=0)
    deaths = models.SmallIntegerField(default=0)
    kept_replace_key = models.TextField(null=True)
    trace = models.TextField(null=True)
    claimed_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "tandem_job"


class Result(JobFields):
    """A finished job. The table is partitioned by `finished_at`, a day each."""

    id = models.BigIntegerField(primary_key=True)
    last_attempted_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField()
    return_value = models.TextField(null=True)

    class Meta:
        managed = False
        db_table = "tandem_result"


class Schedule(models.Model):
    """A recurring task, as the code of the active release has it."""

    name = models.TextField(primary_key=True)
    task = models.TextField()
    expression = models.TextField()
    zone = models.TextField()
    missed = models.TextField()
    next_at = models.DateTimeField(null=True)
    paused_by = models.TextField(null=True)

    class Meta:
        managed = False
        db_table = "tandem_schedule"

    def __str__(self) -> str:
        return self.name
