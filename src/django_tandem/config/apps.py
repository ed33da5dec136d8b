from __future__ import annotations

import importlib

import django
from django.apps import AppConfig
from django.core import checks


class ConfigConfig(AppConfig):
    """Registers Tandem's system checks, so that `manage.py check` knows them too."""

    name = "django_tandem.config"
    label = "tandem_config"
    verbose_name = "Tandem configuration"

    def ready(self) -> None:
        from django_tandem.config import check

        if django.VERSION >= (6, 0):
            # Django 6 has a check that asks the task backends, and does not load it; the backport loads its own.
            importlib.import_module("django.tasks.checks")
        checks.register(check.check_settings, "tandem")
        checks.register(check.check_queues, "tandem")
        checks.register(check.check_database, checks.Tags.database)
