from __future__ import annotations

from pathlib import Path

from django.db import migrations, models

from django_tandem.queue.migration import RunOnQueueDatabase


class Migration(migrations.Migration):
    dependencies = [("tandem_queue", "0007_reserve")]
    operations = [
        RunOnQueueDatabase(
            Path(__file__).with_suffix(".sql"),
            reverse="ALTER TABLE tandem_result DROP COLUMN unique_key, DROP COLUMN replace_key;"
            " ALTER TABLE tandem_job DROP COLUMN kept_replace_key",
        ),
        migrations.AddField("Job", "kept_replace_key", models.TextField(null=True)),
        migrations.AddField("Result", "unique_key", models.TextField(null=True)),
        migrations.AddField("Result", "replace_key", models.TextField(null=True)),
    ]
