from __future__ import annotations

import logging

from django.apps import AppConfig


class QueueConfig(AppConfig):
    """The queue as a Django app: its tables and their migrations."""

    name = "django_tandem.queue"
    label = "tandem_queue"
    verbose_name = "Tandem queue"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """What Django logs of a failed job goes by the same rule as what the queue logs."""
        from django_tandem.queue.events import WithoutContext, WithoutErrorTexts
        from django_tandem.queue.tasks_api import TASKS_LOGGER

        logging.getLogger(TASKS_LOGGER).addFilter(WithoutErrorTexts())
        logging.getLogger("django.dispatch").addFilter(WithoutContext())
