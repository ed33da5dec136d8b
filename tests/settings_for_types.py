"""Settings for the type checker, which only asks which apps there are: it starts no database."""

SECRET_KEY = "only for types"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django_tandem.queue",
    "django_tandem.pipeline",
    "django_tandem.monitor",
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TANDEM_APP = "office"
TANDEM_DASHBOARD = "/tandem/"
ROOT_URLCONF = "tests.urls"
