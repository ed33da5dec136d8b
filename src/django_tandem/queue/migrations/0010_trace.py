from __future__ import annotations

from pathlib import Path

from django.db import migrations, models

from django_tandem.queue.migration import RunOnQueueDatabase


class Migration(migrations.Migration):
    dependencies = [("tandem_queue", "0009_failed")]
    operations = [
        RunOnQueueDatabase(Path(__file__).with_suffix(".sql"), reverse="ALTER TABLE tandem_job DROP COLUMN trace"),
        migrations.AddField("Job", "trace", models.TextField(null=True)),
        migrations.CreateModel(  # its table is there since 0005
            name="Schedule",
            fields=[
                ("name", models.TextField(primary_key=True, serialize=False)),
                ("task", models.TextField()),
                ("expression", models.TextField()),
                ("zone", models.TextField()),
                ("missed", models.TextField()),
                ("next_at", models.DateTimeField(null=True)),
                ("paused_by", models.TextField(null=True)),
            ],
            options={"managed": False, "db_table": "tandem_schedule"},
        ),
    ]
