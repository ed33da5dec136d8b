"""A shop as a small project has it: orders are taken by pages and confirmed by tasks."""

import django

SECRET_KEY = "for benchmarks only"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "shop"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
DATABASES = {"default": {}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
if django.VERSION < (6, 0):
    INSTALLED_APPS.append("django_tasks")
