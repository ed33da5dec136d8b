"""A person at the dashboard of a live Back Office: lets a release go live, and takes it back, over HTTP."""

import http.client
import os
import re
from http.cookies import SimpleCookie
from urllib.parse import urlencode

import pytest

from tests import office as offices
from tests.integration.pipeline.shop import LONG_S, Shop
from tests.waiting import until

pytestmark = pytest.mark.long

# Who is there without a password: a session in the database, as a login makes it.
LOGIN = """
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
ada = User.objects.create_superuser("ada")
session = SessionStore()
session[SESSION_KEY] = str(ada.pk)
session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
session[HASH_SESSION_KEY] = ada.get_session_auth_hash()
session.save()
print(session.session_key)
"""
MIDDLEWARE = """
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
"""
ROLES = """
[overlay]
allow = ["environment.OFFICE_MAIL", "EMAIL_HOST"]

[roles.backoffice.environment]
OFFICE_MAIL = "mail.example"
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory, office_template):
    """One whose first release, with users and sessions, is live."""
    name = f"live_{os.getpid()}"
    one = Shop(tmp_path_factory.mktemp("shop") / "office", offices.make_database(name, office_template))
    one.append(MIDDLEWARE, "office/settings.py")
    one.append(ROLES)
    one.first = one.repository.commit("let people in")
    assert one.ship()["state"] == "live"
    yield one
    one.close()
    offices.drop_database(name)


class Person:
    """A browser that has Ada's session."""

    def __init__(self, shop):
        made = shop.tandem("manage", "shell", "-c", LOGIN)
        assert made.returncode == 0, made.stderr
        self.port = shop.port
        self.cookies = {"sessionid": made.stdout.split()[-1]}

    def ask(self, method, path, **fields):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Cookie": cookies, "Content-Type": "application/x-www-form-urlencoded"}
        try:
            connection.request(method, path, urlencode(fields) if fields else None, headers)
            answer = connection.getresponse()
            body = answer.read().decode()
        finally:
            connection.close()
        for line in answer.headers.get_all("Set-Cookie", []):
            self.cookies.update({name: one.value for name, one in SimpleCookie(line).items()})
        return answer, body

    def page(self, path):
        answer, body = self.ask("GET", path)
        assert answer.status == 200, body[:300]
        return body

    def act(self, path, page, **fields):
        """What the page says to which a press of a button leads."""
        token = self.cookies["csrftoken"]
        answer, body = self.ask("POST", path, csrfmiddlewaretoken=token, next=page, **fields)
        assert answer.status == 303, body[:300]
        return re.search(r'<p class="said (\w+)"', self.page(answer.headers["Location"]))[1]


def digests(shop):
    rows = "SELECT role, config_digest FROM tandem_server WHERE release = %s AND state = 'active'"
    return dict(shop.query(rows, shop.live()))


def test_a_release_is_approved_and_taken_back_from_the_back_office_that_it_replaces(shop):
    first, before, ada = shop.first[:12], digests(shop), Person(shop)
    assert len(set(before.values())) == 2
    shop.edit('approval = "none"', 'approval = "required"')
    second = shop.change()
    shipping = shop.start("ship")
    (run,) = until(lambda: shop.query("SELECT id FROM tandem_run WHERE state = 'waiting for approval'"), LONG_S)[0]

    page = f"/tandem/releases/runs/{run}/"
    text = ada.page(page)
    (digest,) = set(re.findall(r'name="digest" value="(\w{64})"', text))
    assert ada.act(f"{page}approve", page, digest=digest) == "done"
    assert shipping.wait(LONG_S) == 0, shipping.output
    assert shop.releases() == [second] * 2
    assert shop.query("SELECT decided_by, via FROM tandem_approval") == [("ada", "dashboard, from 127.0.0.1")]

    text = ada.page("/tandem/releases/")
    back = re.search(rf'action="(/tandem/releases/rollback/\w+)" data-confirm="Go back to {first}\?', text)[1]
    assert ada.act(back, "/tandem/releases/") == "done"
    ((run, kind),) = shop.query("SELECT id, kind FROM tandem_run ORDER BY id DESC LIMIT 1")
    assert kind == "rollback"
    log = shop.folder / ".tandem" / "log" / f"run-{run}.log"
    ended = "SELECT state FROM tandem_run WHERE id = %s AND ended_at IS NOT NULL"
    assert until(lambda: shop.query(ended, run), LONG_S) == [("live",)], log.read_text()
    assert shop.releases() == [first] * 2
    assert digests(shop) == before
    text = ada.page(f"/tandem/releases/runs/{run}/")
    assert "it is what is live now" in text
    until(lambda: shop.query("SELECT owner FROM tandem_lock") == [(None,)])
