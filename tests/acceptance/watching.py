"""Somebody who looks at the dashboard of the lending office, in tabs of a browser."""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone

import psycopg
from axe_playwright_python.sync_playwright import Axe
from django.urls import Resolver404, resolve
from psycopg import sql

from benchmarks import crowd
from django_tandem.monitor.dashboard import urls

URLCONF = "django_tandem.monitor.dashboard.urls"
HOME = "/tandem/"
WHO, PASSWORD = "grace", "only for these tests"
WIDE, NARROW = {"width": 1600, "height": 1000}, {"width": 380, "height": 800}

# Not a page: what it leads to is walked over itself.
NOT_PAGES = {"home", "asset"}


class Watching:
    """A superuser who has logged in; `session`: where the project has no page for that. `tab()` opens a tab; whatever a
    page complains about fails the test."""

    def __init__(self, browser, office, session=None):
        self.browser, self.office = browser, office
        self._answers = {}
        self.cookies = {"cookies": [_cookie("sessionid", session)]} if session else None
        if self.cookies is None:
            self._log_in()

    def _log_in(self):
        office = self.office
        done = office.tandem(
            "manage", "createsuperuser", "--noinput", "--username", WHO, "--email", "grace@lendoffice.example",
            DJANGO_SUPERUSER_PASSWORD=PASSWORD,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        with self.tab() as tab:
            self.open(tab, HOME)
            tab.get_by_label("Name").fill(WHO)
            tab.get_by_label("Password").fill(PASSWORD)
            tab.get_by_role("button", name="Log in").click()
            tab.get_by_role("navigation", name="Pages").wait_for()
            self.cookies = tab.context.storage_state()

    @contextmanager
    def tab(self, size=WIDE, scheme="light", **options):
        context = self.browser.new_context(viewport=size, color_scheme=scheme, storage_state=self.cookies, **options)
        tab = context.new_page()
        complaints = []
        tab.on("pageerror", lambda error: complaints.append(f"{tab.url}: {error}"))
        tab.on("console", lambda message: message.type in ("error", "warning") and complaints.append(
            f"{tab.url}: {message.text}"
        ))  # fmt: skip
        tab.on("response", lambda answer: answer.status >= 400 and complaints.append(f"{answer.url}: {answer.status}"))
        yield tab
        context.close()
        assert complaints == []

    def open(self, tab, path):
        tab.goto(f"http://127.0.0.1:{self.office.port}{path}")

    def answers_to(self, path):
        """Whether it is a page: an action refuses a GET."""
        if path not in self._answers:
            cookies = "; ".join(f"{one['name']}={one['value']}" for one in self.cookies["cookies"])
            status, _ = self.office.get(path, Cookie=cookies)
            assert status in (200, 405), f"{path}: {status}"
            self._answers[path] = status == 200
        return self._answers[path]

    @contextmanager
    def database(self):
        with psycopg.connect(self.office.database_url, autocommit=True) as connection:
            yield connection


def _cookie(name, value):
    return {
        "name": name, "value": value, "domain": "127.0.0.1", "path": "/", "expires": -1, "httpOnly": True,
        "secure": False, "sameSite": "Lax",
    }  # fmt: skip


def pages():
    """The paths of all pages that need no part in their address, by the dashboard's own URLs."""
    found = [HOME + str(one.pattern) for one in urls.pages if "<" not in str(one.pattern) and one.name not in NOT_PAGES]
    return sorted(found)


def led_to(tab):
    """The addresses to which a page leads within the dashboard, one of each kind; with a part in their address."""
    found = {}
    for address in tab.eval_on_selector_all("#live a[href]", "links => links.map(link => link.pathname)"):
        try:
            match = resolve(address, urlconf=URLCONF)
        except Resolver404:
            continue
        if match.kwargs and match.url_name not in NOT_PAGES:
            found[match.url_name] = address
    return found


def fits(tab):
    """Whether nothing makes the page itself wider than its window; else what does."""
    return tab.evaluate("""() => {
        const root = document.documentElement;
        if (root.scrollWidth <= root.clientWidth) return [];
        return [...document.querySelectorAll("body *")]
            .filter((one) => one.getBoundingClientRect().right > root.clientWidth + 1 && !one.closest(".wide"))
            .slice(0, 5).map((one) => `${one.tagName}.${one.className}`);
    }""")


def barriers(tab):
    """What axe-core finds that keeps people out."""
    found = Axe().run(tab).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]} {one['nodes'][0]['failureSummary'][:300]}" for one in found]


class Flood(crowd.Story):
    """A release became live six minutes ago; two minutes later a flood of jobs began."""

    def _flooded(self, at):
        return self.now - at < timedelta(minutes=4)

    def office(self, at, seconds):
        return crowd.office_facts(self.random, seconds, load=0.5, per_s=9, typical_s=0.06)

    def worker(self, at, seconds):
        load, per_s = (4.1, 70) if self._flooded(at) else (0.3, 4)
        return crowd.worker_facts(self.random, seconds, load=load, per_s=per_s, running=8)

    def shared(self, at):
        late = (at - self.now + timedelta(minutes=4)).total_seconds() if self._flooded(at) else 0.5
        ready = 90_000 - int(20 * late) if self._flooded(at) else 3
        return crowd.shared_facts(ready=ready, oldest_s=late, connections=26 if self._flooded(at) else 14)

    def releases(self, at):
        name = "4c1d9e02ab77" if self.now - at < timedelta(minutes=6) else "0b7f31c5d2e9"
        return name, name


def fill(connection, state):
    """Make it an "empty", a "normal" or a "crowded" day."""
    now = datetime.now(timezone.utc)
    for table in ("tandem_sample", "tandem_job", "tandem_result", "tandem_pause"):
        connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
    if state == "empty":
        return
    # Nobody works on what is written here: it is to be looked at.
    connection.execute(
        "INSERT INTO tandem_pause (kind, name, paused_by) SELECT 'queue', unnest(%s::text[]), 'grace'",
        [["default", "reports"]],
    )
    finished, ready = (300, 40) if state == "normal" else (20_000, 100_000)
    crowd.finished(connection, finished)
    crowd.waiting(connection, ready)
    crowd.waiting(connection, ready // 10, state=0)
    spans = ((5, timedelta(minutes=15)), (60, timedelta(hours=3)))
    crowd.samples(connection, Flood(now), spans, ahead=timedelta(minutes=10))
    crowd.statistics(connection)


def text_of(tab):
    return re.sub(r"\s+", " ", tab.locator("#live").inner_text())
