from __future__ import annotations

from pathlib import Path

from django.db import migrations, models

from django_tandem.queue.migration import RunOnQueueDatabase

BY_HAND = {"managed": False}  # the tables are made by 0001_initial.sql: Django has no words for their triggers


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        RunOnQueueDatabase(
            Path(__file__).with_suffix(".sql"),
            reverse=(
                "DROP TABLE tandem_lock, tandem_approval, tandem_step, tandem_run, tandem_release; "
                "DROP FUNCTION tandem_refuse_change(); DROP FUNCTION tandem_tell_run()"
            ),
        ),
        migrations.CreateModel(
            name="Release",
            fields=[
                ("digest", models.TextField(primary_key=True, serialize=False)),
                ("release", models.TextField()),
                ("commit", models.TextField()),
                ("manifest", models.JSONField()),
                ("built_at", models.DateTimeField()),
                ("became_live_at", models.DateTimeField(null=True)),
                ("verified_at", models.DateTimeField(null=True)),
                ("removed_at", models.DateTimeField(null=True)),
            ],
            options={**BY_HAND, "db_table": "tandem_release"},
        ),
        migrations.CreateModel(
            name="Run",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("kind", models.TextField()),
                ("commit", models.TextField()),
                ("ref", models.TextField(null=True)),
                ("policy", models.TextField()),
                ("state", models.TextField()),
                ("digest", models.TextField(null=True)),
                ("begun_by", models.TextField()),
                ("begun_via", models.TextField()),
                ("begun_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("reason", models.TextField(null=True)),
                ("superseded_by", models.BigIntegerField(null=True)),
            ],
            options={**BY_HAND, "db_table": "tandem_run"},
        ),
        migrations.CreateModel(
            name="Step",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("run", models.BigIntegerField()),
                ("stage", models.TextField()),
                ("step", models.TextField()),
                ("leg", models.TextField(null=True)),
                ("host", models.TextField(null=True)),
                ("what", models.TextField()),
                ("began", models.BigIntegerField(null=True)),
                ("at", models.DateTimeField()),
                ("seconds", models.FloatField(null=True)),
                ("driver", models.TextField()),
                ("epoch", models.BigIntegerField()),
                ("detail", models.JSONField()),
            ],
            options={**BY_HAND, "db_table": "tandem_step"},
        ),
        migrations.CreateModel(
            name="Approval",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("run", models.BigIntegerField()),
                ("digest", models.TextField()),
                ("summary", models.JSONField()),
                ("asked_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("decision", models.TextField(null=True)),
                ("decided_at", models.DateTimeField(null=True)),
                ("decided_by", models.TextField(null=True)),
                ("via", models.TextField(null=True)),
                ("reason", models.TextField(null=True)),
            ],
            options={**BY_HAND, "db_table": "tandem_approval"},
        ),
        migrations.CreateModel(
            name="Lock",
            fields=[
                ("name", models.TextField(primary_key=True, serialize=False)),
                ("epoch", models.BigIntegerField()),
                ("owner", models.TextField(null=True)),
                ("host", models.TextField(null=True)),
                ("machine", models.TextField(null=True)),
                ("pid", models.IntegerField(null=True)),
                ("started", models.FloatField(null=True)),
                ("run", models.BigIntegerField(null=True)),
                ("acquired_at", models.DateTimeField(null=True)),
                ("heartbeat_at", models.DateTimeField(null=True)),
            ],
            options={**BY_HAND, "db_table": "tandem_lock"},
        ),
    ]
