"""Settings for the type checker, which only asks which apps there are: it starts no database."""

SECRET_KEY = "only for types"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "django_tandem.queue", "django_tandem.pipeline"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
