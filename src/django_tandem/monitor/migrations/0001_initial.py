from __future__ import annotations

from pathlib import Path

from django.db import migrations, models

from django_tandem.queue.migration import RunOnQueueDatabase


class Migration(migrations.Migration):
    initial = True
    operations = [
        RunOnQueueDatabase(
            Path(__file__).with_suffix(".sql"),
            reverse="DROP TABLE tandem_sample; DROP TABLE tandem_alarm; DROP TABLE tandem_audit",
        ),
        migrations.CreateModel(
            name="Sample",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("resolution", models.SmallIntegerField()),
                ("at", models.DateTimeField()),
                ("server", models.BigIntegerField()),
                ("role", models.TextField()),
                ("host", models.TextField()),
                ("release", models.TextField()),
                ("facts", models.JSONField()),
            ],
            options={"managed": False, "db_table": "tandem_sample"},
        ),
        migrations.CreateModel(
            name="Alarm",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("kind", models.TextField()),
                ("subject", models.TextField()),
                ("text", models.TextField()),
                ("todo", models.TextField()),
                ("since", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={"managed": False, "db_table": "tandem_alarm"},
        ),
        migrations.CreateModel(
            name="Audit",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("who", models.TextField()),
                ("via", models.TextField()),
                ("action", models.TextField()),
                ("detail", models.JSONField()),
                ("outcome", models.TextField()),
                ("text", models.TextField()),
            ],
            options={
                "managed": False,
                "db_table": "tandem_audit",
                "permissions": [
                    ("see", "Can see the dashboard"),
                    ("operate", "Can act on tasks, queues, schedules and servers"),
                    ("release", "Can approve, reject and roll back releases"),
                ],
            },
        ),
    ]
