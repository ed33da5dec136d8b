"""The monitor's tables as Django models: for reading, and for the permissions that Django's admin gives to people."""

from __future__ import annotations

from django.db import models


class Sample(models.Model):
    """What one server saw of itself for some seconds; server 0 stands for what the fleet shares."""

    id = models.BigAutoField(primary_key=True)
    resolution = models.SmallIntegerField()
    at = models.DateTimeField()
    server = models.BigIntegerField()
    role = models.TextField()
    host = models.TextField()
    release = models.TextField()
    facts = models.JSONField()

    class Meta:
        managed = False
        db_table = "tandem_sample"

    def __str__(self) -> str:
        return f"{self.role} on {self.host} at {self.at}"


class Alarm(models.Model):
    """Something that is wrong with the fleet, from when to when."""

    id = models.BigAutoField(primary_key=True)
    kind = models.TextField()
    subject = models.TextField()
    text = models.TextField()
    todo = models.TextField()
    since = models.DateTimeField()
    seen_at = models.DateTimeField()
    opened_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "tandem_alarm"

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


class Audit(models.Model):
    """What somebody did in the dashboard, or wanted to."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    who = models.TextField()
    via = models.TextField()
    action = models.TextField()
    detail = models.JSONField()
    outcome = models.TextField()
    text = models.TextField()

    class Meta:
        managed = False
        db_table = "tandem_audit"
        # Of this model only because permissions need one: what people may do in the dashboard.
        permissions = [
            ("see", "Can see the dashboard"),
            ("operate", "Can act on tasks, queues, schedules and servers"),
            ("release", "Can approve, reject and roll back releases"),
        ]

    def __str__(self) -> str:
        return f"{self.who}: {self.action}"
