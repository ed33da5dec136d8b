from __future__ import annotations

from pathlib import Path

from django.db import migrations, models

from django_tandem.queue.migration import RunOnQueueDatabase


class Migration(migrations.Migration):
    dependencies = [("tandem_monitor", "0001_initial")]
    operations = [
        RunOnQueueDatabase(
            Path(__file__).with_suffix(".sql"), reverse="ALTER TABLE tandem_alarm DROP COLUMN opened_at"
        ),
        migrations.AddField("Alarm", "opened_at", models.DateTimeField(null=True)),
    ]
