"""The Django project of the peers that need one."""

import os

from psycopg.conninfo import conninfo_to_dict

_parts = conninfo_to_dict(os.environ["TANDEM_PEERS_ADDRESS"])
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
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGGING_CONFIG = None
INSTALLED_APPS = ["django.contrib.contenttypes", *os.environ["TANDEM_PEERS_APPS"].split()]
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
Q_CLUSTER = {
    "name": "usual",
    "orm": "default",
    "workers": 2,
    "timeout": 50,
    "retry": 60,
    "bulk": 20,
    "queue_limit": 40,
    "save_limit": -1,
    "recycle": 100_000,
    "poll": 0.02,
    "log_level": "WARNING",
    "ALT_CLUSTERS": {"urgent": {"workers": 1, "bulk": 1}},
}
