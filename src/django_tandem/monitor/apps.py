from __future__ import annotations

from django.apps import AppConfig


class MonitorConfig(AppConfig):
    """What is seen of both servers, and what people did about it, as a Django app: its tables and permissions."""

    name = "django_tandem.monitor"
    label = "tandem_monitor"
    verbose_name = "Tandem monitor"
    default_auto_field = "django.db.models.BigAutoField"
