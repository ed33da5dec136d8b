from __future__ import annotations

from pathlib import Path

from django.db import migrations

from django_tandem.queue.migration import RunOnQueueDatabase


class Migration(migrations.Migration):
    dependencies = [("tandem_pipeline", "0001_initial")]
    operations = [
        # Back: activations that were written stay, unread.
        RunOnQueueDatabase(
            Path(__file__).with_suffix(".sql"),
            reverse=(
                "ALTER TABLE tandem_run DROP CONSTRAINT tandem_run_kind_check, DROP CONSTRAINT tandem_run_commit_check, "
                "ADD CONSTRAINT tandem_run_kind_check CHECK (kind IN ('ship', 'rollback')) NOT VALID, "
                "ADD CONSTRAINT tandem_run_commit_check CHECK (commit ~ '^([0-9a-f]{40}|[0-9a-f]{64})$') NOT VALID; "
                "COMMENT ON COLUMN tandem_run.commit IS NULL"
            ),
        ),
    ]
