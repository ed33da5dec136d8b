"""`tandem check`: a sound project passes; one with every problem is told all of them, each with its way out."""

import json

import django

SOUND = """
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache"}}
"""
# E001: a setting that follows a value which the overlay permits; E101, E102: backends with a database that is none.
UNSOUND = """
TIME_ZONE = os.environ.get("FEATURES", "UTC")
SESSION_ENGINE = "django.contrib.sessions.backends.file"
CACHES["pages"] = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
CACHES["locks"] = {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": "locks"}
DATABASES["archive"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
TASKS = {
    "lost": {"BACKEND": "django_tandem.queue.backend.TandemBackend", "OPTIONS": {"database": "nowhere"}},
    "archived": {"BACKEND": "django_tandem.queue.backend.TandemBackend", "OPTIONS": {"database": "archive"}},
}
"""
# On PostgreSQL Django asks the server before it says whether this model is right.
ASKS_THE_DATABASE = """
from django.db import models

class Desk(models.Model):
    room = models.IntegerField(null=True)

    class Meta:
        indexes = [models.Index(fields=["id"], include=["room"], name="desk_room")]
        constraints = [models.UniqueConstraint(fields=["room"], name="one_desk"%s)]
"""


def with_one_role(office):
    """The project with its Async Server only: each role is a process to wait for."""
    path = office.folder / "tandem.toml"
    head, rest = path.read_text().split("[roles.backoffice]")
    path.write_text(head + rest[rest.index("[roles.async]") :])
    return office


def test_a_sound_project_has_no_problems(office):
    office.append(SOUND, "office/settings.py")
    done = office.tandem("check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "no problems\n", "")


def test_every_problem_is_told_with_its_id_and_what_to_do(office):
    office.append(SOUND + UNSOUND, "office/settings.py")
    office.edit("threads = 2\n", "threads = 1000\n")
    office.edit("processes = 2\n", 'processes = 1000\nqueues = ["default"]\n')
    office.append(
        '[roles.async.environment]\nFEATURES = "Europe/Berlin"\n[overlay]\nallow = ["environment.FEATURES"]\n'
    )
    # A role of the terminal is not to reach into the processes that tell what roles have.
    done = office.tandem("check", "--json", OFFICE_DEBUG="1", TANDEM_ROLE="async")
    assert (done.returncode, done.stderr) == (1, "")
    found = {one["id"]: one for one in json.loads(done.stdout) if one["id"].startswith("tandem.")}
    assert set(found) == {
        f"tandem.{one}" for one in ["E001", "E003", "E005", "E007", "E008", "E101", "E102", "W002", "W004"]
    }
    assert all(one["message"] and one["hint"] for one in found.values())
    assert {one["level"] for key, one in found.items() if key.startswith("tandem.E")} == {"ERROR"}
    assert found["tandem.W002"]["level"] == "WARNING"
    assert found["tandem.E001"]["message"] == "TIME_ZONE differs between backoffice and async, and is to be shared."
    assert found["tandem.E001"]["hint"] == "Make it the same, or add 'TIME_ZONE' to overlay.allow."
    assert found["tandem.E101"]["message"] == "TASKS['lost']: there is no DATABASES['nowhere']."
    assert found["tandem.E102"]["message"] == "TASKS['archived']: DATABASES['archive'] is sqlite; expected PostgreSQL."


def test_warnings_do_not_fail_and_what_is_silenced_does_not_show(office):
    with_one_role(office).append('SILENCED_SYSTEM_CHECKS = ["tandem.E005"]\n', "office/settings.py")
    done = office.tandem("check", OFFICE_DEBUG="1", COLUMNS="200")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith('warning  tandem.W002  CACHES["default"] is LocMemCache: each process has its own')
    assert done.stdout.endswith("\nno errors\n")
    assert "tandem.E005" not in done.stdout


def test_a_database_that_does_not_answer_is_one_of_the_problems(office):
    nulls = ", nulls_distinct=False" if django.VERSION >= (5, 0) else ""
    office.append(ASKS_THE_DATABASE % nulls, "office/models.py")
    done = with_one_role(office).tandem(
        "check", OFFICE_DEBUG="1", TANDEM_DATABASE_URL="postgresql://o:sesame@127.0.0.1:1/o", COLUMNS="300"
    )
    assert (done.returncode, done.stderr) == (1, "")
    first, hint, second = done.stdout.splitlines()[:3]
    assert first.startswith("error    tandem.E005  DEBUG is on")
    assert hint.strip() == "Set DEBUG = False."
    assert second.startswith('error    tandem.E006  DATABASES["default"] cannot be used: connection failed')
    assert done.stdout.endswith("\n2 errors\n")
    assert "sesame" not in done.stdout


def test_a_project_without_a_database_is_told_how_to_get_one(bare_office):
    done = with_one_role(bare_office).tandem("check", "--json")
    assert done.returncode == 1
    (problem,) = [one for one in json.loads(done.stdout) if one["level"] == "ERROR"]
    assert problem["id"] == "tandem.E006"
    assert "`tandem up` starts one" in problem["hint"]


def test_manage_py_knows_the_checks_too(office):
    office.append("[queues.mail]\n")
    office.edit("threads = 2\n", 'threads = 1000\nqueues = ["default", "reports"]\n')
    done = office.tandem("manage", "check", "--database", "default", OFFICE_DEBUG="1")
    assert done.returncode == 1
    assert "(tandem.E005) DEBUG is on" in done.stderr
    assert "(tandem.E007) All roles together may open 6 (backoffice) + 2011 (async) = 2017 connections" in done.stderr
    assert "(tandem.E008) queues.mail: no role consumes it" in done.stderr
    assert "(tandem.W002)" in done.stderr
