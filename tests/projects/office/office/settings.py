"""An old project's settings: they know nothing of Tandem."""

import os

SECRET_KEY = "the office's own"
DEBUG = bool(os.environ.get("OFFICE_DEBUG"))
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions", "office"]
ROOT_URLCONF = "office.urls"
WSGI_APPLICATION = "office.wsgi.application"
DATABASES = {"default": {}}
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
if os.environ.get("OFFICE_BROKEN"):
    raise RuntimeError("the office is closed")
