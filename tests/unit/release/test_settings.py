"""In a trial every PostgreSQL of the project is on the scratch server, under a name of its own."""

import sys

import pytest

POSTGRESQL = "django.db.backends.postgresql"


@pytest.fixture
def moved(tmp_path, monkeypatch):
    """release.inside.settings, which reads a tandem.toml as it is imported."""
    (tmp_path / "trial_project.py").write_text("DATABASES = {'default': {}}\n")
    (tmp_path / "tandem.toml").write_text(
        '[app]\nname = "office"\nsettings = "trial_project"\n[roles.backoffice]\n[roles.async]\n'
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("TANDEM_CONFIG", str(tmp_path / "tandem.toml"))
    monkeypatch.setenv("TANDEM_DATABASE_URL", "postgresql://me@scratch:1/tandem_trial_1")
    name = "django_tandem.release.inside.settings"
    monkeypatch.delitem(sys.modules, name, raising=False)
    module = __import__(name, fromlist=["moved"])
    yield module.moved
    sys.modules.pop(name)
    sys.modules.pop("trial_project")


def test_others_are_left_alone_and_nothing_leads_elsewhere(moved):
    options = {"service": "production", "sslmode": "verify-full", "pool": True, "options": "-c x=1"}
    databases = {
        "default": {"ENGINE": POSTGRESQL, "NAME": "scratch", "HOST": "s", "PORT": "1", "USER": "me", "OPTIONS": {}},
        "reports": {
            "ENGINE": POSTGRESQL,
            "NAME": "r",
            "HOST": "prod",
            "PASSWORD": "secret",
            "OPTIONS": options,
            "CONN_MAX_AGE": 5,
        },
        "maps": {"ENGINE": "django.contrib.gis.db.backends.postgis", "NAME": "m", "HOST": "prod"},
        "old": {"ENGINE": "django.db.backends.sqlite3", "NAME": "old.db"},
        "none": {},
    }
    found = moved(databases, "default")
    assert found["default"]["NAME"] == "scratch"
    assert found["reports"] == {
        "ENGINE": POSTGRESQL,
        "NAME": "scratch_reports",
        "HOST": "s",
        "PORT": "1",
        "USER": "me",
        "PASSWORD": "",
        "OPTIONS": {"pool": True, "options": "-c x=1"},
        "CONN_MAX_AGE": 5,
    }
    assert (found["maps"]["HOST"], found["maps"]["NAME"]) == ("s", "scratch_maps")
    assert (found["old"], found["none"]) == (databases["old"], {})
