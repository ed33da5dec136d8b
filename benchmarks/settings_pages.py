"""Settings of benchmarks.pages: a project with users and the dashboard, and nothing else."""

from benchmarks.settings import *  # noqa: F403 - the same database

DEBUG = False
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
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_tandem.monitor.dashboard.entrance.Entrance",
]
ROOT_URLCONF = "benchmarks.settings_pages"
ALLOWED_HOSTS = ["testserver", "127.0.0.1"]
TIME_ZONE = "UTC"
TANDEM_APP = "office"
TANDEM_DASHBOARD = "/tandem/"
TANDEM_QUEUE_PROMISES = {"default": 60.0, "reports": 3600.0}
TASKS = {
    "default": {"BACKEND": "django_tandem.queue.backend.TandemBackend", "QUEUES": ["default", "reports"]},
}
urlpatterns: list[object] = []
