"""The page of queues: what waits, what was promised, who works through it; pause, resume, drain."""

import re
from datetime import datetime, timedelta, timezone

import pytest
from psycopg.types.json import Jsonb

from django_tandem.monitor.dashboard import queue_facts
from django_tandem.queue import control
from django_tandem.queue.states import State
from tests.integration.monitor.dashboard import made

PAGE = "/tandem/queues/"
FILE = """
[app]
name = "office"
settings = "tests.settings"
[queues.default]
[queues.reports]
promise = 3600.0
[queues.orphaned]
[roles.backoffice]
[roles.async]
queues = ["default"]
[roles.exports]
kind = "async"
queues = ["reports"]
"""


@pytest.fixture(autouse=True)
def tandem_toml(tmp_path, monkeypatch):
    path = tmp_path / "tandem.toml"
    path.write_text(FILE)
    monkeypatch.setenv("TANDEM_CONFIG", str(path))
    return path


def sample(database, queues, **ago):
    """What a server counted."""
    at = datetime.now(timezone.utc) - timedelta(**ago)
    facts = {"queues": queues, "counted_at": at.isoformat()}
    database.execute(
        "INSERT INTO tandem_sample (resolution, at, server, role, host, release, facts)"
        " VALUES (5, clock_timestamp(), 0, '', '', '', %s)",
        [Jsonb(facts)],
    )
    return at


def counts(**given):
    return {**dict.fromkeys(queue_facts.COLUMNS, 0), "oldest_s": None, "priorities": {}, **given}


def row_of(text, name):
    return re.search(rf'<tr>\s*<th scope="row"[^>]*>{name}\b.*?</tr>', text, re.DOTALL)[0]


def badges(text):
    return re.findall(r'<span class="badge (\w+)">([^<]+)', text)


def test_without_jobs_the_declared_queues_are_there(ada):
    text = ada.text(PAGE)
    assert "nothing waits" in row_of(text, "default")
    assert "begins within 1 h" in row_of(text, "reports")
    assert "No server counted jobs lately" in text


def test_what_a_server_counted_is_shown_with_when(ada, database):
    levels = {"50": {"ready": 1, "oldest_s": 2.0}, "0": {"ready": 99_999, "oldest_s": 30.0}}
    at = sample(
        database,
        {
            "default": counts(
                ready=100_000, running=8, scheduled=7, limited=6, paused=5, oldest_s=30.0, priorities=levels
            )
        },
        seconds=3,
    )
    text = ada.text(PAGE)
    numbers = re.findall(r'<td class="number">(?:<a [^>]+>)?([\d,]+)', row_of(text, "default"))
    assert numbers == ["100,000", "8", "7", "6", "5"]
    assert badges(row_of(text, "default"))[0] == ("good", "kept")
    assert f'Counted <time datetime="{at.isoformat(timespec="milliseconds")}"' in text
    assert re.findall(r'<td class="number">(\d+)</td><td class="number">([\d,]+)</td>', text) == [
        ("50", "1"),
        ("0", "99,999"),
    ]


@pytest.mark.parametrize(
    ("oldest_s", "badge"), [(47.0, ("good", "kept")), (49.0, ("warn", "close")), (61.0, ("bad", "broken"))]
)
def test_the_promise_against_what_is(ada, database, oldest_s, badge):
    sample(database, {"default": counts(ready=1, oldest_s=oldest_s)})
    assert badge in badges(row_of(ada.text(PAGE), "default"))


def test_where_no_server_counts_it_is_counted_here(ada, database):
    made.jobs(database, 1, 3, priority=4, age="2 min")
    made.jobs(database, 4, state=State.SCHEDULED, queue="undeclared")
    made.jobs(database, 5, state=State.LIMITED)
    made.jobs(database, 6, state=State.PAUSED)
    made.jobs(database, 7, state=State.RUNNING, server=1, worker=1)
    text = ada.text(PAGE)
    numbers = re.findall(r'<td class="number">(?:<a [^>]+>)?([\d,]+)', row_of(text, "default"))
    assert numbers == ["3", "1", "0", "1", "1"]
    assert ("bad", "broken") in badges(row_of(text, "default"))
    assert "not in tandem.toml" in row_of(text, "undeclared")


def test_no_more_than_a_bound_are_counted_here(ada, database, monkeypatch):
    monkeypatch.setattr(queue_facts, "COUNTED", 5)
    made.jobs(database, 1, 9)
    assert "of 5 unfinished ones; there are more" in ada.text(PAGE)


def test_a_queue_with_no_consumer_is_told(ada, database):
    made.server(database, role="async")
    made.server(database, role="async")
    made.server(database, role="exports", state="draining")
    made.server(database, role="exports", silent="1 min")
    text = ada.text(PAGE)
    assert "2 servers" in row_of(text, "default")
    assert "no live server; start <code>tandem serve exports" in row_of(text, "reports")
    assert "no role of tandem.toml has this queue" in row_of(text, "orphaned")


def test_without_tandem_toml_there_is_a_page(ada, database, monkeypatch, tmp_path):
    monkeypatch.setenv("TANDEM_CONFIG", str(tmp_path / "gone.toml"))
    made.jobs(database, 1)
    text = ada.text(PAGE)
    assert "Promises and consumers are not known" in text
    assert "not known" in row_of(text, "default")


def test_the_same_page_is_sent_once_while_nothing_changes(ada, database):
    sample(database, {"default": counts(ready=1, oldest_s=3.0, priorities={"0": {"ready": 1, "oldest_s": 3.0}})})
    first = ada.get(PAGE)
    assert ada.get(PAGE, headers={"If-None-Match": first["ETag"]}).status_code == 304


def test_pause_and_resume(ada, database, audited):
    assert ada.told(ada.act("/tandem/queues/pause/reports", PAGE)) == (
        "done",
        "pause queue reports is paused: none of its jobs is begun",
    )
    assert "by ada" in row_of(ada.text(PAGE), "reports")
    assert [(one.kind, one.name, one.by) for one in control.paused()] == [("queue", "reports", "ada")]
    assert ada.told(ada.act("/tandem/queues/pause/reports", PAGE))[1].endswith("was paused already")
    assert ada.told(ada.act("/tandem/queues/resume/reports", PAGE)) == ("done", "resume queue reports goes on")
    assert ada.told(ada.act("/tandem/queues/resume/reports", PAGE))[1].endswith("was not paused")
    assert control.paused() == []
    assert [one[1] for one in audited()] == ["resume queue", "resume queue", "pause queue", "pause queue"]


def test_drain_says_what_still_runs_and_the_page_goes_on_telling_it(ada, database):
    made.jobs(database, 1, state=State.RUNNING, server=1, worker=1)
    made.jobs(database, 2)
    assert ada.told(ada.act("/tandem/queues/drain/default", PAGE)) == (
        "done",
        "drain queue default is paused; 1 of its jobs still runs",
    )
    assert "1 still runs" in row_of(ada.text(PAGE), "default")
    database.execute("DELETE FROM tandem_job WHERE id = 1")
    assert ("good", "drained") in badges(row_of(ada.text(PAGE), "default"))
    assert ada.told(ada.act("/tandem/queues/drain/default", PAGE))[1].endswith(
        "default is drained: it is paused, and none of its jobs runs"
    )


def test_drain_works_where_requests_are_transactions(ada, database, monkeypatch):
    from django.db import connections

    monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", True)
    assert ada.told(ada.act("/tandem/queues/drain/reports", PAGE))[0] == "done"


def test_a_queue_that_nobody_knows_is_not_paused(ada, database):
    for what in ("pause", "drain"):
        outcome, text = ada.told(ada.act(f"/tandem/queues/{what}/repotrs", PAGE))
        assert outcome == "refused"
        assert "no queue is called so" in text
    assert control.paused() == []
