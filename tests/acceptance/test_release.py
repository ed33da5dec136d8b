"""A person in a browser lets a release go live and takes it back, on pages of the very server that is replaced."""

import os
import re

import pytest
from playwright.sync_api import expect

from tests import office as offices
from tests.acceptance.watching import WHO, Watching
from tests.integration.pipeline.shop import LONG_S, Shop
from tests.waiting import until

MIDDLEWARE = """
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
"""
# The project has no page to log in: a session in the database, as a login makes it.
LOGIN = f"""
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
somebody = User.objects.create_superuser("{WHO}")
session = SessionStore()
session[SESSION_KEY] = str(somebody.pk)
session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
session[HASH_SESSION_KEY] = somebody.get_session_auth_hash()
session.save()
print(session.session_key)
"""
ROLES = """
[overlay]
allow = ["environment.OFFICE_MAIL", "EMAIL_HOST"]

[roles.backoffice.environment]
OFFICE_MAIL = "mail.example"
"""


@pytest.fixture
def shop(tmp_path, office_template):
    """One whose first release, with users and sessions, is live."""
    name = f"release_{os.getpid()}"
    one = Shop(tmp_path / "office", offices.make_database(name, office_template))
    one.append(MIDDLEWARE, "office/settings.py")
    one.append(ROLES)
    one.first = one.repository.commit("let people in")
    assert one.ship()["state"] == "live"
    yield one
    one.close()
    offices.drop_database(name)


@pytest.fixture
def somebody(browser, shop):
    """A superuser, with a browser."""
    made = shop.tandem("manage", "shell", "-c", LOGIN)
    assert made.returncode == 0, made.stderr
    return Watching(browser, shop, session=made.stdout.split()[-1])


def digests(shop):
    """What each role's server says that its settings are."""
    rows = "SELECT role, config_digest FROM tandem_server WHERE release = %s AND state = 'active'"
    return dict(shop.query(rows, shop.live()))


def test_a_release_is_approved_and_taken_back_from_the_back_office_that_it_replaces(somebody, shop):
    first, before = shop.first[:12], digests(shop)
    assert len(set(before.values())) == 2
    shop.edit('approval = "none"', 'approval = "required"')
    second = shop.change()
    shipping = shop.start("ship")
    ((run,),) = until(lambda: shop.query("SELECT id FROM tandem_run WHERE state = 'waiting for approval'"), LONG_S)
    with somebody.tab() as tab:
        somebody.open(tab, "/tandem/")
        tab.get_by_role("link", name=f"Run {run}", exact=True).click()
        tab.get_by_role("button", name="Approve").click()
        expect(tab.get_by_role("status")).to_contain_text(f"run {run} may go live")
        # The page stays open while the server behind it is replaced, and nobody loads it again.
        expect(tab.get_by_text("it is what is live now")).to_be_visible(timeout=LONG_S * 1000)
        assert shipping.wait(LONG_S) == 0, shipping.output
        assert shop.releases() == [second] * 2
        decided = shop.query("SELECT decided_by, via FROM tandem_approval WHERE run = %s", run)
        assert decided == [(WHO, "dashboard, from 127.0.0.1")]

        asked = []
        tab.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.accept()))
        tab.get_by_role("link", name="Releases", exact=True).first.click()
        tab.get_by_role("button", name=f"Roll back to {first}").click()
        expect(tab.get_by_role("status")).to_contain_text(f"goes back to {first}")
        assert [text for text in asked if f"Go back to {first}?" in text] == asked != []
        row = tab.get_by_role("row").filter(has=tab.get_by_role("rowheader", name=re.compile(f"^{first}")))
        expect(row).to_contain_text("live", timeout=LONG_S * 1000)
    ((back, kind, by),) = shop.query("SELECT id, kind, begun_by FROM tandem_run ORDER BY id DESC LIMIT 1")
    assert (kind, by) == ("rollback", WHO)
    log = shop.folder / ".tandem" / "log" / f"run-{back}.log"
    ended = "SELECT state FROM tandem_run WHERE id = %s AND ended_at IS NOT NULL"
    assert until(lambda: shop.query(ended, back), LONG_S) == [("live",)], log.read_text()
    assert shop.releases() == [first] * 2
    assert digests(shop) == before
    until(lambda: shop.query("SELECT owner FROM tandem_lock") == [(None,)])
