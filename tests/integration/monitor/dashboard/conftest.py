"""People who look at the dashboard, by Django's test client; forged requests are refused as for everybody."""

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from django_tandem.monitor import audit
from django_tandem.monitor.dashboard import access


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
