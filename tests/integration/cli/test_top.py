"""`tandem top`: what the newest samples say, for programs and for people, wide and narrow, once and live."""

import json
import re
import sys

import pytest
from psycopg.types.json import Jsonb

from django_tandem.monitor import histogram
from tests import jobs
from tests.integration.queue.conftest import register
from tests.office import ROOT
from tests.screen import Terminal
from tests.waiting import until

HOST = {
    "load": [7.9, 3.0, 1.0], "cores": 4, "cpu": 0.98,
    "memory": {"total": 8 << 30, "available": 3 << 30}, "disk": {"total": 9 << 30, "free": 4 << 30},
}  # fmt: skip
OWN = {"processes": 3, "rss": 300 << 20, "cpu": 1.5, "state": "active"}
SLOW = histogram.of([0.2] * 90 + [3.0] * 10)
PAGES = {
    "count": 100, "errors_4xx": 4, "errors_5xx": 3, "timeouts": 1, "seconds": SLOW,
    "queue_seconds": histogram.of([0.01]),
    "views": {"loans:list": {"count": 100, "errors_5xx": 3, "seconds": SLOW}},
}  # fmt: skip
TASKS = {
    "slots": 8, "running": 7, "claims": 50, "successful": 40, "failed": 2, "retried": 1,
    "seconds": histogram.of([0.5] * 43),
    "tasks": {"loans.tasks.score": {"count": 42, "failed": 2, "seconds": histogram.of([0.5] * 42)}},
}  # fmt: skip
SHARED = {
    "database": {"connections": 12, "most_connections": 100, "waiting": 2, "oldest_transaction_s": 4.5},
    "queues": {
        "default": {"ready": 1234, "scheduled": 5, "running": 7, "limited": 0, "paused": 0, "oldest_s": 95.0},
        "mail": {"ready": 3, "scheduled": 0, "running": 0, "limited": 0, "paused": 0, "oldest_s": 0.5},
    },
    "counted_at": "2027-01-31T12:00:00+00:00",
    "pressure": {"async": {"level": 2, "why": "pages are slow"}},
}  # fmt: skip
SAMPLES = [
    (1, "backoffice", "office-1", {"host": HOST, "server": OWN, "pages": PAGES}),
    (2, "async", "office-2", {"host": {**HOST, "load": [0.5, 0.5, 0.5], "cpu": 0.1}, "server": OWN, "tasks": TASKS}),
    (0, "", "", SHARED),
]


def write_samples(execute, release="test"):
    for server, role, host, facts in SAMPLES:
        execute(
            "INSERT INTO tandem_sample (resolution, at, server, role, host, release, facts)"
            " VALUES (5, clock_timestamp() - interval '2 seconds', %s, %s, %s, %s, %s)",
            [server, role, host, release, Jsonb(facts)],
        )


@pytest.fixture
def fleet(database):
    """Both servers tell how they are, a queue is paused, an alarm is open."""
    write_samples(database.execute)
    database.execute("INSERT INTO tandem_pause (kind, name, paused_by) VALUES ('queue', 'mail', 'ada')")
    database.execute(
        "INSERT INTO tandem_alarm (kind, subject, text, todo, opened_at)"
        " VALUES ('load', 'office-1', 'office-1 has a load of 7.9 on 4 cores', 'give it fewer slots [now]', now())"
    )
    yield
    for table in ("tandem_sample", "tandem_alarm"):
        database.execute(f"DELETE FROM {table}")  # noqa: S608


def documented():
    """The keys that the page of commands names, by where they are."""
    page = (ROOT / "docs/reference/commands.md").read_text()
    section = page.partition("### `tandem top`")[2].partition("\n### ")[0]
    rows = re.findall(r"^\| (?:… )?`(\w+)` \| (.*) \|$", section, re.MULTILINE)
    return {key: set(re.findall(r"`(\w+)`", text)) for key, text in rows}


def test_json_has_what_the_page_of_commands_says(tandem, fleet):
    done = tandem("top", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    facts, described = json.loads(done.stdout), documented()
    nested = {"pages", "tasks"}
    assert set(facts) == described.keys() - nested
    (office, work), (default, mail) = facts["servers"], facts["queues"]
    assert set(office) | set(work) == described["servers"]
    assert set(office["pages"]) == described["pages"]
    names = {"name", "count", "failed", "p95"}
    assert set(work["tasks"]) == described["tasks"] - {"name", "count", "p95"}
    assert set(office["pages"]["views"][0]) == set(work["tasks"]["tasks"][0]) == names
    assert set(facts["sentences"][0]) == described["sentences"] - {"bad", "warn", "good"}
    for key in ("release", "queues", "alarms", "database"):
        one = facts[key][0] if isinstance(facts[key], list) else facts[key]
        assert set(one) == described[key], key
    assert (office["load"], office["cores"], office["word"], office["is_live"]) == (7.9, 4, "overloaded", True)
    assert (office["pages"]["per_s"], office["pages"]["errors_5xx"]) == (20, 3)
    assert office["pages"]["p95"] == pytest.approx(3, rel=0.2)
    assert (work["tasks"]["running"], work["tasks"]["slots"], work["tasks"]["per_s"]) == (7, 8, 8.4)
    assert (default["oldest"], default["is_late"], default["is_paused"]) == (95, True, False)
    assert (mail["ready"], mail["is_late"], mail["is_paused"]) == (3, False, True)
    assert facts["pressure"] == {"async": {"level": 2, "why": "pages are slow"}}
    assert facts["alarms"][0]["todo"] == "give it fewer slots [now]"
    assert facts["missing"] == []


@pytest.mark.parametrize("columns", [80, 120, 200])
def test_it_fits_and_shows_both_servers_side_by_side(tandem, fleet, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    told = tandem("top", "--once").stdout
    assert "\x1b" not in told
    lines = told.splitlines()
    assert max(map(len, lines)) <= columns
    assert any(re.search(r"Back Office on office-1 .*Async Server on office-2", line) for line in lines)
    assert any(re.search(r"7\.9 on 4 cores, overloaded.*0\.5 on 4 cores, calm", line) for line in lines)
    text = " ".join(told.split())
    for words in (
        "office-1 has a load of 7.9 on 4 cores", "give it fewer slots [now]", "promised is 1.0 s",
        "3 of 5xx, 1 timed out", "7 of 8 slots", "2 failed, 1 to repeat", "12 of 100 connections, 2 waiting",
        "async yields to pages, level 2",
        "1,234", "95 s", "late", "paused", "98%",
    ):  # fmt: skip
        assert words in text, words


def test_without_samples_it_says_what_is_missing(tandem, database):
    jobs.nothing.enqueue()
    facts = json.loads(tandem("top", "--json").stdout)
    assert facts["missing"] == ["no server has told how it is: tandem up runs them here"]
    assert next((one["name"], one["ready"]) for one in facts["queues"]) == ("default", 1)
    assert "tandem up runs them here" in tandem("top", "--once").stdout
    register(database)
    database.execute("UPDATE tandem_server SET heartbeat_at = heartbeat_at - interval '1 hour'")
    facts = json.loads(tandem("top", "--json").stdout)
    assert [(one["role"], one["host"]) for one in facts["silent"]] == [("async", "here")]
    assert "Async Server on here is silent" in tandem("top", "--once").stdout


def frames(terminal):
    """What was drawn, frame by frame, without what only moves and colours."""
    return [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", frame) for frame in terminal.said.split("\x1b[H")]


@pytest.fixture
def live(office):
    """`tandem top` in a terminal of its own."""
    started = []
    # How large it is, the terminal says, and not the runner of the tests.
    variables = {name: value for name, value in office.variables().items() if name not in ("LINES", "COLUMNS")}

    def live(**options):
        started.append(
            Terminal(
                [sys.executable, "-m", "django_tandem", "top"],
                cwd=office.folder,
                env={**variables, "TERM": "xterm-256color"},
                **options,
            )
        )
        return started[-1]

    yield live
    for one in started:
        one.close()


def test_live_it_is_drawn_anew_until_somebody_ends_it(office, live):
    terminals = live(columns=80, lines=24), live(columns=80, lines=40)
    for one in terminals:
        until(lambda one=one: "no server has told how it is" in frames(one)[-1], 40)
    write_samples(lambda query, values: office.query(query, *values))
    for one in terminals:
        until(lambda one=one: "Back Office on office-1" in frames(one)[-1], 40)
    office.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tandem top'")
    for one in terminals:
        until(lambda one=one: any("trying again" in frame for frame in frames(one)), 40)
        until(lambda one=one: "q ends it" in frames(one)[-1], 40)
        assert len(frames(one)[-1].splitlines()) == one.lines
    for one, end in zip(terminals, ("q", "\x03"), strict=True):
        one.press("x")
        one.press(end)
        assert one.wait(20) == 0
        assert one.before == one.after
        assert "\x1b[?1049l" in one.said  # what was there before comes back
        assert "Traceback" not in one.said
