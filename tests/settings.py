"""Settings of Tandem's own tests: a real PostgreSQL, embedded unless TANDEM_TEST_DATABASE_URL names another."""

import json
import os
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from django_tandem.processes.postgres import start_embedded

if "TANDEM_TEST_DATABASE_URL" not in os.environ:
    # Inherited by every process that a test starts, so that all meet in one server.
    os.environ["TANDEM_TEST_DATABASE_URL"] = start_embedded(Path(__file__).parent.parent / ".tandem" / "test-postgres")

_parts = conninfo_to_dict(os.environ["TANDEM_TEST_DATABASE_URL"])
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _parts.get("dbname", "postgres"),
        "USER": _parts.get("user", ""),
        "PASSWORD": _parts.get("password", ""),
        "HOST": _parts.get("host", ""),
        "PORT": str(_parts.get("port", "")),
    }
}
SECRET_KEY = "only for tests"
USE_TZ = True
TIME_ZONE = "UTC"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django_tandem.queue",
    "django_tandem.pipeline",
    "django_tandem.monitor",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_tandem.monitor.dashboard.entrance.Entrance",
]
ROOT_URLCONF = "tests.urls"
TANDEM_APP = "office"
TANDEM_DASHBOARD = "/tandem/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TASKS = {
    "default": {
        "BACKEND": "django_tandem.queue.backend.TandemBackend",
        "QUEUES": [],
        # For processes that a test starts with options of its own.
        "OPTIONS": json.loads(os.environ.get("TANDEM_TEST_OPTIONS", "{}")),
    }
}
