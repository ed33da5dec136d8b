from __future__ import annotations

from pathlib import Path

from django.db import migrations, models

from django_tandem.queue.migration import RunOnQueueDatabase

BY_HAND = {"managed": False}  # the tables are made by 0001_initial.sql: Django has no words for partitions


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        RunOnQueueDatabase(
            Path(__file__).with_suffix(".sql"),
            reverse="DROP TABLE tandem_result, tandem_job, tandem_server, tandem_fence",
        ),
        migrations.CreateModel(
            name="Fence",
            fields=[
                ("the_one", models.BooleanField(default=True, primary_key=True, serialize=False)),
                ("release", models.TextField(null=True)),
                ("epoch", models.BigIntegerField(default=0)),
                ("changed_at", models.DateTimeField()),
            ],
            options={**BY_HAND, "db_table": "tandem_fence"},
        ),
        migrations.CreateModel(
            name="Server",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("role", models.TextField()),
                ("host", models.TextField()),
                ("pid", models.IntegerField()),
                ("release", models.TextField()),
                ("config_digest", models.TextField()),
                ("state", models.TextField()),
                ("started_at", models.DateTimeField()),
                ("heartbeat_at", models.DateTimeField()),
            ],
            options={**BY_HAND, "db_table": "tandem_server"},
        ),
        migrations.CreateModel(
            name="Job",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("queue", models.TextField()),
                ("task", models.TextField()),
                ("arguments", models.TextField()),
                ("backend", models.TextField()),
                ("priority", models.SmallIntegerField()),
                ("state", models.SmallIntegerField()),
                ("attempt", models.SmallIntegerField(default=0)),
                ("worker", models.IntegerField(null=True)),
                ("server", models.BigIntegerField(null=True)),
                ("due", models.DateTimeField()),
                ("enqueued_at", models.DateTimeField()),
                ("run_after", models.DateTimeField(null=True)),
                ("started_at", models.DateTimeField(null=True)),
                ("claimed_at", models.DateTimeField(null=True)),
                ("history", models.TextField(null=True)),
            ],
            options={**BY_HAND, "db_table": "tandem_job"},
        ),
        migrations.CreateModel(
            name="Result",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("queue", models.TextField()),
                ("task", models.TextField()),
                ("arguments", models.TextField()),
                ("backend", models.TextField()),
                ("priority", models.SmallIntegerField()),
                ("state", models.SmallIntegerField()),
                ("attempt", models.SmallIntegerField()),
                ("worker", models.IntegerField(null=True)),
                ("server", models.BigIntegerField(null=True)),
                ("enqueued_at", models.DateTimeField()),
                ("run_after", models.DateTimeField(null=True)),
                ("started_at", models.DateTimeField(null=True)),
                ("last_attempted_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField()),
                ("history", models.TextField(null=True)),
                ("return_value", models.TextField(null=True)),
            ],
            options={**BY_HAND, "db_table": "tandem_result"},
        ),
    ]
