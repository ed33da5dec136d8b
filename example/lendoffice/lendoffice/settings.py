"""Settings of the lending office, much as they were when it was one server.

DATABASE_URL names its PostgreSQL; without it, whoever runs the office fills DATABASES in.
LENDOFFICE_TASKS=threads runs background tasks in threads of the web process, as the office did for years.
"""

import os
from pathlib import Path

import django
from psycopg.conninfo import conninfo_to_dict

BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = os.environ.get("SECRET_KEY", "development only: set SECRET_KEY where others can reach the office")
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", "testserver"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "borrowers",
    "loans",
    "payments",
    "scoring",
    "bureau",
    "contracts",
    "notices",
    "reports",
    "office",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
ROOT_URLCONF = "lendoffice.urls"
WSGI_APPLICATION = "lendoffice.wsgi.application"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"


def _database(url: str) -> dict[str, object]:
    parts = conninfo_to_dict(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts["dbname"],
        "USER": parts.get("user", ""),
        "PASSWORD": parts.get("password", ""),
        "HOST": parts.get("host", ""),
        "PORT": str(parts.get("port", "")),
        "CONN_MAX_AGE": 60,
    }


DATABASES = {"default": _database(os.environ["DATABASE_URL"])} if "DATABASE_URL" in os.environ else {"default": {}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "office_cache"}}

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
USE_THOUSAND_SEPARATOR = True

# Where letters to borrowers and their contracts end up.
OUTBOX = Path(os.environ.get("LENDOFFICE_OUTBOX", BASE_DIR / ".outbox"))
EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = str(OUTBOX / "mail")
DEFAULT_FROM_EMAIL = "office@lendoffice.example"

# The credit bureau that the office asks about people.
BUREAU_URL = os.environ.get("BUREAU_URL", "http://127.0.0.1:8009")
BUREAU_TIMEOUT_S = 10

if os.environ.get("LENDOFFICE_TASKS", "threads") == "threads":
    TASKS = {"default": {"BACKEND": "lendoffice.background.ThreadBackend", "QUEUES": ["default", "reports"]}}
if django.VERSION < (6, 0):
    INSTALLED_APPS.append("django_tasks")
