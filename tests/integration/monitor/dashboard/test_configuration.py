"""The page of the configuration: what roles have, in what they differ, what drifted, and what is never shown."""

import re

import pytest
from psycopg.types.json import Jsonb

from django_tandem.config import boot
from django_tandem.monitor import effective
from django_tandem.queue import fence
from tests.integration.pipeline.conftest import COMMIT
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("project_folder", "ledgers")

PAGE = "/tandem/configuration/"
SETTINGS = """
import os
SECRET_KEY = "never-shown-0"
DEBUG = False
USE_TZ = True
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "office", "PASSWORD": "never-shown-1"}}
INSTALLED_APPS = ["django.contrib.contenttypes"]
PAYMENT_URL = "https://user:never-shown-2@pay.example/x"
MAIL_HOST = os.environ.get("MAIL_HOST", "localhost")
MAIL_FROM = f"office@{MAIL_HOST}"
STAGE = os.environ.get("PGAPPNAME", "none")
"""
ROLES = """
[overlay]
allow = ["environment.MAIL_HOST", "MAIL_FROM"]

[roles.backoffice.environment]
MAIL_HOST = { from_env = "OFFICE_MAIL" }

[roles.async.environment]
PGAPPNAME = "jobs"
"""


@pytest.fixture
def project(project_folder, monkeypatch):
    """Its settings, whose effective values this process finds out."""
    (project_folder / "office").mkdir()
    (project_folder / "office" / "__init__.py").touch()
    (project_folder / "office" / "settings.py").write_text(SETTINGS)
    with (project_folder / "tandem.toml").open("a") as file:
        file.write(ROLES)
    monkeypatch.setenv("OFFICE_MAIL", "never-shown-3.example")
    monkeypatch.setattr(boot, "BEGAN_WITH", {**boot.BEGAN_WITH, "OFFICE_MAIL": "never-shown-3.example"})
    monkeypatch.setattr(effective, "WAIT_S", 100)
    return project_folder


@pytest.fixture
def built(database, monkeypatch):
    """The running release, built by the pipeline."""
    named = {
        "backoffice": {"shown": {"DEBUG": False, "A": 1, "B": [1]}, "hidden": {"SECRET_KEY": "1" * 32}},
        "async": {"shown": {"DEBUG": True, "A": 1, "B": [2]}, "hidden": {"SECRET_KEY": "1" * 32}},
    }
    manifest = {"settings": {"backoffice": "d" * 64, "async": "a" * 64}, "named": named}
    database.execute(
        "INSERT INTO tandem_release (digest, release, commit, manifest) VALUES (%s, %s, %s, %s)",
        ["f" * 64, COMMIT[:12], COMMIT, Jsonb(manifest)],
    )
    fence.activate(database, COMMIT[:12])
    monkeypatch.setenv("TANDEM_RELEASE", COMMIT[:12])
    return COMMIT[:12]


def rows(text, caption):
    """Of the table of this caption, the cells of each row."""
    table = text.partition(f"<caption>{caption}")[2].partition("</table>")[0]
    told = re.findall(r"<tr>(.*?)</tr>", table.partition("<tbody>")[2], re.DOTALL)
    return [[re.sub("<[^>]+>", "", cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)] for row in told]


def test_of_a_release_that_was_not_built_it_is_found_out_once_and_shown_when_it_is_known(ada, project, monkeypatch):
    monkeypatch.setattr(effective, "WAIT_S", 0)
    assert "are being found out" in ada.text(PAGE)
    until(lambda: "are being found out" not in ada.text(PAGE), 100)
    text = ada.text(PAGE)
    assert "the settings that its files have on this host" in text
    all_settings = {row[0]: row[1:] for row in rows(text, "One value where")}
    assert all_settings["DEBUG"] == ["false"]
    assert all_settings["SECRET_KEY"] == all_settings["DATABASES.default.PASSWORD"] == ["hidden"]
    assert all_settings["MAIL_HOST"] == ["from the environment", "localhost"]
    assert all_settings["MAIL_FROM"] == ["from the environment", "office@localhost"]
    assert all_settings["environment.MAIL_HOST"] == ["from $OFFICE_MAIL", "(absent)"]
    differences = {row[0]: row[1:] for row in rows(text, "In what they differ")}
    assert differences["STAGE"] == ["none", "jobs", "must be shared"]
    assert differences["MAIL_FROM"][2] == "by the overlay"
    assert differences["environment.PGAPPNAME"] == ["(absent)", "jobs", "by the overlay"]
    assert "DEBUG" not in differences
    assert "never-shown" not in text
    assert "<dt>processes</dt><dd>2</dd>" in text
    assert "<dt><code>DATABASES.default.CONN_MAX_AGE</code></dt><dd><code>600</code></dd>" in text
    monkeypatch.setattr(effective, "run", None)
    assert ada.text(PAGE) == text


def test_settings_that_do_not_load_are_told_without_secrets(ada, project):
    (project / "office" / "settings.py").write_text("raise RuntimeError('postgres://u:never-shown@h/x')")
    text = ada.text(PAGE)
    assert "The effective settings cannot be found out: " in text
    assert "RuntimeError" in text
    assert "never-shown" not in text


def test_of_a_release_that_was_built_its_manifest_is_shown(ada, built, monkeypatch):
    monkeypatch.setattr(effective, "run", None)
    text = ada.text(PAGE)
    assert "the settings with which it was built" in text
    assert rows(text, "In what they differ") == [
        ["B", "[1]", "[2]", "must be shared"],
        ["DEBUG", "false", "true", "must be shared"],
    ]
    assert ["SECRET_KEY", "hidden"] in rows(text, "One value where")


def test_servers_with_other_settings_have_drifted(ada, built, server):
    server("backoffice", pid=1, release=built)
    server("async", pid=2, release=built, config_digest="a" * 64)
    assert "has drifted" not in ada.text(PAGE)
    server("async", pid=3, release=built, config_digest="b" * 64)
    text = ada.text(PAGE)
    assert "async has drifted:</strong> its servers have 2 different settings" in text
    assert "backoffice has drifted" not in text
    assert 'elsewhere:3 has <code>bbbbbbbbbbbb</code> <span class="badge bad">other settings' in text
