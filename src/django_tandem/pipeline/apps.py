from __future__ import annotations

from django.apps import AppConfig


class PipelineConfig(AppConfig):
    """The pipeline as a Django app: its tables and their migrations."""

    name = "django_tandem.pipeline"
    label = "tandem_pipeline"
    verbose_name = "Tandem pipeline"
    default_auto_field = "django.db.models.BigAutoField"
