"""Settings of the benchmarks' own small project: no-op tasks, no log lines, one database."""

import os
from typing import Any

from psycopg.conninfo import conninfo_to_dict

_parts = conninfo_to_dict(os.environ["TANDEM_BENCH_DATABASE_URL"])
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _parts["dbname"],
        "USER": _parts.get("user", ""),
        "PASSWORD": _parts.get("password", ""),
        "HOST": _parts.get("host", ""),
        "PORT": str(_parts.get("port", "")),
        "CONN_MAX_AGE": None,
    }
}
SECRET_KEY = "only for benchmarks"  # noqa: S105
USE_TZ = True
INSTALLED_APPS = ["django_tandem.queue", "django_tandem.monitor"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TASKS: dict[str, dict[str, Any]] = {"default": {"BACKEND": "django_tandem.queue.backend.TandemBackend"}}
LOGGING_CONFIG = None
