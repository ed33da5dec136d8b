"""People who look at the dashboard, by Django's test client; forged requests are refused as for everybody."""

import re
import shutil

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from django_tandem.monitor import audit
from django_tandem.monitor.dashboard import access, fleet
from django_tandem.queue import lease
from tests.integration.monitor.conftest import RELEASE
from tests.integration.pipeline.conftest import begin, held, ledgers, running  # noqa: F401 - fixtures
from tests.office import PROJECT


class Person(Client):
    """A client of somebody. CSRF is checked."""

    def __init__(self, user=None):
        super().__init__(enforce_csrf_checks=True)
        if user is not None:
            self.force_login(user)

    def text(self, address, **query):
        """A page, which must be there."""
        answer = self.get(address, query)
        assert answer.status_code == 200, answer.content[:300]
        return answer.content.decode()

    def act(self, address, page="/tandem/schedules/", **fields):
        """Press a button: the token is the one that the page has."""
        self.get(page)
        token = self.cookies["csrftoken"].value if "csrftoken" in self.cookies else ""
        return self.post(address, {"csrfmiddlewaretoken": token, "next": page, **fields})

    def told(self, answer):
        """What the page says, to which an action leads back."""
        assert answer.status_code == 303, (answer.status_code, answer.content[:300])
        found = re.search(r'<p class="said (\w+)"[^>]*>(.*?)</p>', self.text(answer["Location"]), re.DOTALL)
        return found[1], " ".join(re.sub("<[^>]+>", "", found[2]).split())


@pytest.fixture
def person(database):
    """Make somebody: `person("see", "operate")` is staff with these permissions, `person(staff=False)` is not staff."""

    def person(*permissions, name="ada", staff=True):
        user = User.objects.create_user(name, password=None, is_staff=staff)
        user.user_permissions.set(
            Permission.objects.filter(content_type__app_label="tandem_monitor", codename__in=permissions)
        )
        return Person(user)

    return person


@pytest.fixture
def ada(person):
    """Somebody who may everything."""
    return person(*(one.partition(".")[2] for one in access.WORDS))


@pytest.fixture
def audited():
    """What the audit has, newest first: who, action, outcome, text."""
    return lambda: [(one.who, one.action, one.outcome, one.text) for one in audit.newest(100)]


@pytest.fixture
def project_folder(tmp_path, monkeypatch):
    """The folder of a project of which this process is a Back Office: it is not of a release, and what runs is looked
    at anew for each page."""
    folder = tmp_path / "office"
    folder.mkdir()
    shutil.copy(PROJECT / "tandem.toml", folder)
    monkeypatch.setenv("TANDEM_CONFIG", str(folder / "tandem.toml"))
    monkeypatch.setenv("TANDEM_RELEASE", RELEASE)
    monkeypatch.setattr(fleet, "NEW_S", 0)
    monkeypatch.setattr(fleet, "WAIT_S", 30)
    yield folder
    fleet.forget()


@pytest.fixture
def server(database):
    """Enter a server into the table; its name. `silent_s`: since when its heartbeat is missing."""

    def server(role="backoffice", *, silent_s=0, **facts):
        usual = {"host": "elsewhere", "pid": 7, "release": RELEASE, "config_digest": "d" * 64, "state": "active"}
        row = {**usual, **facts}
        number = lease.register(database, role=role, **row)
        database.execute(
            "UPDATE tandem_server SET heartbeat_at = heartbeat_at - make_interval(secs => %s) WHERE id = %s",
            [silent_s, number],
        )
        return f"{row['host']}:{row['pid']}"

    return server
