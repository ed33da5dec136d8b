from __future__ import annotations

from pathlib import Path

from django.db import migrations

from django_tandem.queue.migration import RunOnQueueDatabase


class Migration(migrations.Migration):
    dependencies = [("tandem_queue", "0008_kept_keys")]
    operations = [
        RunOnQueueDatabase(Path(__file__).with_suffix(".sql"), reverse="DROP INDEX tandem_result_failed"),
    ]
