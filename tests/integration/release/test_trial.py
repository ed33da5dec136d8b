"""What a built commit must pass: real processes in its own files, on a PostgreSQL that is gone afterwards."""

import os
from pathlib import Path

import psutil
import psycopg
import pytest

from django_tandem.errors import Tampered
from django_tandem.release import scratch, store
from django_tandem.release.compatibility import Queued
from django_tandem.release.trial import Live, trial
from tests.office import SERVER
from tests.waiting import until

MANAGE = """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "office.settings")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
TESTS = """
import os
from django.conf import settings
from django.db import connection
from django.test import TestCase
from office.models import Loan


class LoanTests(TestCase):
    def test_a_loan_is_kept(self):
        Loan.objects.create(name="L1")
        self.assertEqual(Loan.objects.get().name, "L1")

    def test_where_we_are(self):
        self.assertTrue(connection.settings_dict["NAME"].startswith("test_tandem_trial_"))
        self.assertIn("tandem_trial_", os.environ["DATABASE_URL"])
        self.assertEqual(settings.TASKS["default"]["BACKEND"], "django_tandem.queue.backend.TandemBackend")
        self.assertGreaterEqual(os.nice(0), 5)
        self.assertIn(f"{os.sep}.tandem{os.sep}build{os.sep}", os.getcwd())
"""
WRONG = """
ALLOWED_HOSTS = [os.environ.get("TANDEM_ROLE", "")]
CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware"]
SECURE_REFERRER_POLICY = "nonsense"
"""
UNREACHABLE = "postgresql://nobody:sesame@127.0.0.1:1/production"


@pytest.fixture
def tested(loans, monkeypatch):
    """The small project with a model and tests of its own; its configured database does not answer."""
    loans.write("manage.py", MANAGE)
    loans.write("office/tests.py", TESTS)
    loans.edit("tandem.toml", "tests = []", 'tests = ["python", "manage.py", "test"]')
    loans.commit("tests")
    monkeypatch.setenv("TANDEM_DATABASE_URL", UNREACHABLE)
    monkeypatch.setenv("DATABASE_URL", UNREACHABLE)
    monkeypatch.setenv("TANDEM_TRIAL_DATABASE_URL", SERVER)
    return loans


def tried(repository, live=None, **how):
    """The checks of a trial of what is committed, by name; each has run, in its order."""
    told = []
    built = repository.build()
    checks = trial(repository.tandem(), built.path, live=live, on_check=told.append, **how)
    assert [check.name for check in checks] == ["configuration", "deploy", "tasks", "migrations", "tests"]
    assert told == checks
    assert all(check.seconds >= 0 and Path(check.log).is_file() for check in checks)
    assert not list(repository.places.build.iterdir())
    assert "sesame" not in "".join(path.read_text() for path in repository.places.log.iterdir())
    return {check.name: check for check in checks}


def errors(check):
    return [finding.what for finding in check.errors]


def databases():
    """Those that trials of this process made: others make theirs on the same server."""
    ours = f"%{scratch.NAME}_{os.getpid()}_%"
    with psycopg.connect(SERVER) as connection:
        rows = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [ours]).fetchall()
    return {name for (name,) in rows}


def test_a_sound_commit_passes_on_an_embedded_postgresql_which_is_gone_afterwards(tested, monkeypatch):
    monkeypatch.delenv("TANDEM_TRIAL_DATABASE_URL")
    checks = tried(tested, live=Live(migrations=(), tasks={}))
    assert {name: errors(check) for name, check in checks.items()} == {name: [] for name in checks}
    assert all(check.ok for check in checks.values())
    said = checks["tests"].log.read_text()
    assert "Ran 2 tests" in said
    assert any("security.W" in finding.what for finding in checks["deploy"].findings)  # warnings are told
    running = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert not any("postgres" in words[0] and str(tested.folder) in " ".join(words) for words in running if words)


def test_every_check_is_made_and_told_when_all_fail(tested):
    live = tested.build().manifest
    tested.write("office/tests.py", TESTS + "\n    def test_broken(self):\n        self.fail('the vault is open')\n")
    tested.edit("office/models.py", "    note = models.CharField(max_length=50, null=True)\n", "")
    tested.migrate("0002_drop", 'migrations.RemoveField("Loan", "note")', after="0001_initial")
    tested.edit("office/tasks.py", "def write(path, line):", "def write(path, line, currency):")
    tested.append("office/settings.py", WRONG)
    tested.commit("all wrong")
    queued = [Queued("office.tasks.write", 2, (), 7)]
    checks = tried(tested, live=Live(migrations=live.migrations, tasks=live.tasks, queued=queued))
    assert not any(check.ok for check in checks.values())
    assert any("tandem.W002" in one.what for one in checks["configuration"].findings)
    (told,) = errors(checks["configuration"])
    assert told.startswith("ALLOWED_HOSTS differs between backoffice and async, and is to be shared")
    assert any("security.E023" in one for one in errors(checks["deploy"]))
    assert not any("tandem." in one for one in errors(checks["deploy"]))
    assert errors(checks["tasks"]) == [
        "office.tasks.write: 7 jobs are queued, without currency, which the task requires"
    ]
    (finding,) = checks["migrations"].errors
    assert finding.what == (
        "office.0002_drop drops a column that the live release names in every query of its model: office_loan.note"
    )
    assert "IgnoreMigration()" in finding.instead
    (finding,) = checks["tests"].errors
    assert "python manage.py test ended with exit code 1" in finding.what
    assert "the vault is open" in finding.what
    assert finding.instead == f"Mend what fails; its whole output is in {checks['tests'].log}"
    plain = checks["tests"].as_json()
    assert (plain["name"], plain["ok"]) == ("tests", False)


def test_tests_that_do_not_end_are_stopped_with_all_that_they_started(tested, tmp_path):
    pids = tmp_path / "pids"
    tested.write(
        "slow.py",
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\n"
        f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')\ntime.sleep(600)\n",
    )
    tested.edit("tandem.toml", '"manage.py", "test"', '"slow.py"')
    tested.commit()
    checks = tried(tested, tests_s=4)
    (told,) = errors(checks["tests"])
    assert told.startswith("python slow.py was stopped after ")
    for pid in map(int, pids.read_text().split()):
        until(lambda pid=pid: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def test_a_named_server_gets_a_database_of_the_trials_own_which_is_dropped(tested):
    before = databases()
    tested.edit("tandem.toml", '"test"]', '"test", "--keepdb"]')
    tested.commit()
    checks = tried(tested)
    assert databases() == before  # also what the tests kept
    assert checks["tests"].ok
    assert "Ran 2 tests" in checks["tests"].log.read_text()


def test_without_a_scratch_database_what_needs_none_is_tried_all_the_same(tested, monkeypatch):
    monkeypatch.setenv("TANDEM_TRIAL_DATABASE_URL", UNREACHABLE)
    checks = tried(tested, live=Live(migrations=(), tasks={}))
    assert [name for name, check in checks.items() if not check.ok] == ["migrations", "tests"]
    (told,) = errors(checks["tests"])
    assert told.startswith("the trial has no scratch database: ")
    assert "TANDEM_TRIAL_DATABASE_URL names a PostgreSQL whose user may create databases" in told
    assert "sesame" not in told


@pytest.mark.long
def test_a_program_that_is_not_there_and_no_tests_at_all_are_told(tested):
    tested.edit("tandem.toml", '["python", "manage.py", "test"]', '["no-such-runner"]')
    tested.commit()
    (told,) = errors(tried(tested)["tests"])
    assert told.startswith("pipeline.tests: no-such-runner cannot be run in the release's environment")
    tested.edit("tandem.toml", '["no-such-runner"]', "[]")
    tested.commit()
    check = tried(tested)["tests"]
    assert [(one.level, one.what) for one in check.findings] == [
        ("warning", "pipeline.tests is empty: the project's own tests are not run")
    ]
    assert check.ok


@pytest.mark.long
def test_a_queued_task_that_no_module_imports_is_looked_for_as_a_worker_does(tested):
    tested.write("office/lonely.py", "from office.tasks import task\n\n\n@task\ndef alone(a):\n    pass\n")
    tested.commit()
    queued = [
        Queued("office.lonely.alone", 1, (), 1),
        Queued("office.lonely.alone", 2, (), 3),
        Queued("office.lonely.gone", 0, (), 2),
    ]
    check = tried(tested, live=Live(migrations=(), tasks={}, queued=queued))["tasks"]
    assert errors(check) == [
        "office.lonely.alone: 3 jobs are queued, with 2 arguments by position; the task takes at most 1",
        "office.lonely.gone: 2 jobs are queued, and the task is gone",
    ]


def test_an_artifact_that_was_tampered_with_is_not_tried(tested):
    built = tested.build()
    packed = (built.path / store.TREE).read_bytes()
    (built.path / store.TREE).write_bytes(packed.replace(b"INSTALLED_APPS", b"INSTALLED_EVIL"))
    with pytest.raises(Tampered):
        trial(tested.tandem(), built.path, live=None)
    assert not list(tested.places.build.iterdir())
    assert list(tested.places.artifacts.iterdir()) == [built.path]
