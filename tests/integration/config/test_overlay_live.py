"""Processes of a project, as a role has them: what its settings, its database and its log really get."""

import json
import subprocess
import sys

import django
import pytest

from tests.office import Office

# What a process tells of itself, as JSON.
TELL = """
import json, logging, django
django.setup()
from django.conf import settings
from django.db import connection
from django_tandem.config.drift import current_digest
from django_tandem.queue.connect import connect

def shown(cursor, name):
    cursor.execute(f"SHOW {name}")
    return cursor.fetchone()[0]

with connection.cursor() as cursor, connect("default", purpose="test") as own:
    print(json.dumps({
        "digest": current_digest(),
        "age": settings.DATABASES["default"].get("CONN_MAX_AGE"),
        "apps": settings.INSTALLED_APPS,
        "tasks": settings.TASKS,
        "release": settings.TANDEM_RELEASE,
        "seen": getattr(settings, "SEEN", None),
        "timeout": [shown(cursor, "statement_timeout"), shown(own.cursor(), "statement_timeout")],
        "application": shown(cursor, "application_name"),
        "tag": logging.getLogger("office").makeRecord("office", 20, "", 0, "", (), None).log_tag,
        "plain": getattr(settings, "PLAIN", None),
    }))
"""


def run(office, program, module="django_tandem.settings", **environment):
    """What a Python process in the project's folder does, with nothing of Tandem's but the settings module."""
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=office.folder,
        env={**office.variables(), "DJANGO_SETTINGS_MODULE": module, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def tell(office, module="django_tandem.settings", **environment):
    done = run(office, TELL, module, **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_unedited_project_has_what_its_role_changes(office):
    office.append('[roles.async.environment]\nPGAPPNAME = "office tasks"\n')
    office.append(
        'import os\nSEEN = os.environ.get("PGAPPNAME")\nTASKS = {"mail": {"BACKEND": "o.M"}}\n', "office/settings.py"
    )
    shared, role = tell(office, TANDEM_ROLE=""), tell(office, TANDEM_ROLE="async")

    assert (shared["age"], role["age"]) == (0, 600)
    assert (shared["timeout"], role["timeout"]) == (["0", "0"], ["1min", "1min"])
    assert (shared["tag"], role["tag"]) == ("office", "async")
    # The role's environment was there before the project's settings were imported, and before libpq looked.
    assert (shared["seen"], role["seen"]) == (None, "office tasks")
    assert role["application"] == "office tasks"

    backport = ["django_tasks"] if django.VERSION < (6, 0) else []
    assert role["apps"][-4 - len(backport) :] == [
        *backport,
        "django_tandem.config",
        "django_tandem.queue",
        "django_tandem.pipeline",
        "django_tandem.monitor",
    ]
    assert role["tasks"]["default"]["QUEUES"] == ["default", "reports"]
    assert role["tasks"]["mail"] == {"BACKEND": "o.M"}
    assert role["release"] == "r1"
    assert {name for name in role if role[name] != shared[name]} == {
        "age", "timeout", "tag", "seen", "application", "digest",
    }  # fmt: skip


def test_the_explicit_form_gives_the_same_however_the_settings_are_loaded(office):
    office.append('[roles.async.environment]\nPGAPPNAME = "office tasks"\n')
    office.append(
        'PLAIN = {"OPTIONS": dict(DATABASES["default"])}\n'
        "from django_tandem.config.overlay import apply\napply(globals())\n",
        "office/settings.py",
    )
    for module in ("office.settings", "django_tandem.settings"):
        told = tell(office, module, TANDEM_ROLE="async")
        assert (told["age"], told["timeout"], told["tag"]) == (600, ["1min", "1min"], "async")
        assert told["application"] == "office tasks"
        assert told["apps"].count("django_tandem.queue") == 1
        assert told["tasks"]["default"]["QUEUES"] == ["default", "reports"]
        assert told["plain"] == {"OPTIONS": {}}


def test_a_process_of_the_project_enqueues_through_tandem(office):
    program = "import django; django.setup()\nfrom office import tasks\nprint(tasks.write.enqueue('p', 'l').id)"
    done = run(office, program)
    assert done.returncode == 0, done.stderr
    assert office.query("SELECT id, queue, task FROM tandem_job") == [
        (int(done.stdout), "default", "office.tasks.write")
    ]


@pytest.fixture
def twin(office, tmp_path):
    """The same project in another folder, with the same database."""
    one = Office(tmp_path / "elsewhere" / "release-2", office.database_url)
    yield one
    one.close()


def test_equal_settings_have_equal_digests_in_other_folders_and_processes(office, twin):
    settings = (
        "from pathlib import Path\nfrom decimal import Decimal\nimport re\n"
        "MEDIA_ROOT = Path(__file__).parent.parent / 'media'\nSTATIC_ROOT = str(MEDIA_ROOT) + '/static'\n"
        "COLOURS = {'red', 'green', 'blue', 'white'}\nLIMIT = Decimal('1.5')\nIGNORED = [re.compile('^/a')]\n"
    )
    for project in (office, twin):
        project.append(settings, "office/settings.py")
    here = tell(office, TANDEM_ROLE="async", PYTHONHASHSEED="1")["digest"]
    assert tell(twin, TANDEM_ROLE="async", PYTHONHASHSEED="2", TANDEM_RELEASE="r2")["digest"] == here

    twin.append("COLOURS = {'red', 'green', 'blue', 'black'}\n", "office/settings.py")
    assert tell(twin, TANDEM_ROLE="async")["digest"] != here
