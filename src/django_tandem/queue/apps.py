from __future__ import annotations

from django.apps import AppConfig


class QueueConfig(AppConfig):
    """The queue as a Django app: its tables and their migrations."""

    name = "django_tandem.queue"
    label = "tandem_queue"
    verbose_name = "Tandem queue"
    default_auto_field = "django.db.models.BigAutoField"
