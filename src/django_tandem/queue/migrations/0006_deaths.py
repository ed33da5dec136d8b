from __future__ import annotations

from pathlib import Path

from django.db import migrations, models

from django_tandem.queue.migration import RunOnQueueDatabase


class Migration(migrations.Migration):
    dependencies = [("tandem_queue", "0005_schedules")]
    operations = [
        RunOnQueueDatabase(Path(__file__).with_suffix(".sql"), reverse="ALTER TABLE tandem_job DROP COLUMN deaths"),
        migrations.AddField("Job", "deaths", models.SmallIntegerField(default=0)),
    ]
