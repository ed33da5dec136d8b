from __future__ import annotations

from pathlib import Path

from django.db import migrations, models

from django_tandem.queue.migration import RunOnQueueDatabase


class Migration(migrations.Migration):
    dependencies = [("tandem_pipeline", "0002_activation")]
    operations = [
        RunOnQueueDatabase(
            Path(__file__).with_suffix(".sql"), reverse="DROP TABLE tandem_notice; DROP INDEX tandem_run_commit"
        ),
        migrations.CreateModel(
            name="Notice",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("notice", models.TextField()),
                ("key", models.TextField()),
                ("event", models.TextField()),
                ("at", models.DateTimeField()),
            ],
            options={"managed": False, "db_table": "tandem_notice"},
        ),
    ]
