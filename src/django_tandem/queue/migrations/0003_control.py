from __future__ import annotations

from pathlib import Path

from django.db import migrations, models

from django_tandem.queue.migration import RunOnQueueDatabase


class Migration(migrations.Migration):
    dependencies = [("tandem_queue", "0002_expires")]
    operations = [
        RunOnQueueDatabase(
            Path(__file__).with_suffix(".sql"),
            reverse="DROP TABLE tandem_pause; ALTER TABLE tandem_job DROP COLUMN cancelled_by, DROP COLUMN forgiven",
        ),
        migrations.AddField("Job", "cancelled_by", models.TextField(null=True)),
        migrations.AddField("Job", "forgiven", models.SmallIntegerField(default=0)),
    ]
