from __future__ import annotations

from pathlib import Path

from django.db import migrations, models

from django_tandem.queue.migration import RunOnQueueDatabase


class Migration(migrations.Migration):
    dependencies = [("tandem_queue", "0003_control")]
    operations = [
        RunOnQueueDatabase(
            Path(__file__).with_suffix(".sql"),
            reverse="ALTER TABLE tandem_result DROP COLUMN limit_key, DROP COLUMN limit_most;"
            " ALTER TABLE tandem_job DROP COLUMN unique_key, DROP COLUMN replace_key,"
            " DROP COLUMN limit_key, DROP COLUMN limit_most",
        ),
        migrations.AddField("Job", "unique_key", models.TextField(null=True)),
        migrations.AddField("Job", "replace_key", models.TextField(null=True)),
        migrations.AddField("Job", "limit_key", models.TextField(null=True)),
        migrations.AddField("Job", "limit_most", models.SmallIntegerField(null=True)),
        migrations.AddField("Result", "limit_key", models.TextField(null=True)),
        migrations.AddField("Result", "limit_most", models.SmallIntegerField(null=True)),
    ]
