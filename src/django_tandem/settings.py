"""The settings module of a project that runs under Tandem: DJANGO_SETTINGS_MODULE=django_tandem.settings.

It loads the project's own module, which tandem.toml names, applies the role in $TANDEM_ROLE and adds Tandem's apps.
"""

from django_tandem.config.overlay import load

globals().update(load())
