from __future__ import annotations

from pathlib import Path

from django.db import migrations, models

from django_tandem.queue.migration import RunOnQueueDatabase


class Migration(migrations.Migration):
    dependencies = [("tandem_queue", "0010_trace")]
    operations = [
        RunOnQueueDatabase(
            Path(__file__).with_suffix(".sql"),
            reverse="DROP TABLE tandem_pressure; ALTER TABLE tandem_server DROP COLUMN silent_since",
        ),
        migrations.AddField("Server", "silent_since", models.DateTimeField(null=True)),
    ]
