"""The first lines of the Overview: who reads only them can say which server is in trouble, and why."""

from datetime import datetime, timedelta, timezone

import pytest

from django_tandem.monitor import histogram
from django_tandem.monitor.condition import sentences
from django_tandem.monitor.now import Fleet, Promises, Server, Unheard

NOW = datetime(2026, 5, 4, 12, tzinfo=timezone.utc)


def server(kind="office", *, host="web1", load=0.4, cores=2, pages_s=0.05, cpu=None, role=None, **counts):
    """A server in the middle of its day."""
    facts = {"host": {"load": [load, load, load], "cores": cores}, "server": {"state": "active", "cpu": cpu}}
    if kind == "office":
        times = histogram.of([pages_s] * 100)
        facts["pages"] = {
            "count": 100,
            **counts,
            "seconds": times,
            "views": {"loans.list": {"count": 100, "seconds": times}},
        }
    else:
        facts["tasks"] = {"slots": 8, "running": 8, **counts}
    role = role or {"office": "backoffice", "async": "async"}[kind]
    return Server(role=role, host=host, releases=("r1",), at=NOW, newest=facts, minute=facts, seconds=60)


def fleet(*servers, ready=0, oldest_s=None, unheard=(), paused=(), **database):
    queues = {"default": {"ready": ready, "oldest_s": oldest_s}}
    shared = {"queues": queues, "database": database}
    promises = Promises(page_s=1.0, queues={"default": 60.0})
    return Fleet(at=NOW, servers=servers, unheard=unheard, shared=shared, promises=promises, paused=frozenset(paused))


def said(*arguments, **facts):
    return [(one.level, one.text) for one in sentences(fleet(*arguments, **facts))]


OFFICE, WORKER = server(), server("async", host="work1")


def test_all_is_well_in_one_sentence():
    ((level, text),) = said(OFFICE, WORKER)
    assert level == "good"
    assert text.startswith("All is well: Back Office on web1 has load 0.4 on 2 cores; Async Server on work1")
    assert text.endswith("no job waits")


def test_the_flood_on_the_async_server_is_its_own():
    flooded = server("async", host="work1", load=7.9)
    trouble, calm = said(OFFICE, flooded, ready=12431, oldest_s=240)
    waiting = "12,431 jobs are ready, the oldest for 4 min, promised is 1 min; 8 of 8 slots are taken"
    assert trouble == ("bad", f"Async Server on work1 is overloaded: load 7.9 on 2 cores; {waiting}")
    assert calm[0] == "good"
    assert calm[1].startswith("Back Office on web1 is calm: load 0.4 on 2 cores; 95 of 100 pages within")


def test_jobs_that_wait_though_the_cores_are_free():
    late, *_ = said(OFFICE, WORKER, ready=31, oldest_s=240)
    text = "the oldest of 31 waits for 4 min, promised is 1 min; 8 of 8 slots are taken"
    assert late == ("bad", f"Jobs of queue default begin late: {text}")


def test_on_one_host_it_is_said_who_uses_it():
    office, worker = server(cpu=0.2, load=6.0, pages_s=2.0), server("async", host="web1", load=6.0, cpu=1.7)
    (only,) = said(office, worker, ready=3, oldest_s=2)
    assert only[0] == "bad"
    assert "web1 is overloaded: load 6.0 on 2 cores, shared by Back Office (0.2 cores) and Async Server (1.7" in only[1]
    assert ", promised is 1.0 s; 3 jobs are ready, the oldest for 2.0 s; 8 of 8 slots are taken" in only[1]


def test_slow_pages_without_load_name_the_slowest_view():
    (slow, calm) = said(server(pages_s=3.0), WORKER)
    assert slow[0] == "bad"
    assert slow[1].startswith("Back Office on web1 is slow: 95 of 100 pages within")
    assert "; the slowest view is loans.list with" in slow[1]
    assert calm[1].startswith("Async Server on work1 is calm")


@pytest.mark.parametrize(("failed", "late", "level", "text"), [
    (5, 0, "bad", "of 100 pages of the last minute 5 ended with a 5xx"),
    (0, 2, "bad", "of 100 pages of the last minute 2 timed out"),
    (1, 0, "warn", "of 100 pages of the last minute 1 ended with a 5xx"),
])  # fmt: skip
def test_pages_that_fail(failed, late, level, text):
    found = said(server(errors_5xx=failed, timeouts=late), WORKER)
    assert found[0] == (level, f"Back Office on web1 fails: {text}")


def test_who_is_silent_comes_first():
    gone = Unheard(role="async", host="work1", since=NOW - timedelta(minutes=5))
    first = sentences(fleet(server(load=1.6), unheard=[gone]))[0]
    assert first.text == "Async Server on work1 is silent: it was heard last"
    assert first.since == gone.since


def test_an_old_row_of_a_host_that_is_heard_is_no_silence():
    gone = Unheard(role="async", host="work1", since=NOW - timedelta(minutes=5))
    ((level, _),) = said(OFFICE, WORKER, unheard=[gone])
    assert level == "good"


def test_jobs_without_anybody_who_works():
    assert said(OFFICE, ready=7, oldest_s=4)[0] == (
        "bad",
        "No Async Server works: 7 jobs are ready, the oldest for 4.0 s",
    )


def test_a_paused_queue_is_no_trouble():
    assert said(OFFICE, WORKER, ready=7, oldest_s=400, paused=["default"])[0] == (
        "warn",
        "Queue default is paused: 7 jobs are ready",
    )


@pytest.mark.parametrize(("facts", "level", "text"), [
    ({"connections": 95, "most_connections": 100}, "bad", "The database has 95 of at most 100 connections"),
    ({"waiting": 1}, "warn", "In the database 1 session waits for a lock"),
    ({"oldest_transaction_s": 900.0}, "warn", "A transaction is open for 15 min: vacuum cleans nothing up meanwhile"),
])  # fmt: skip
def test_the_database(facts, level, text):
    assert said(OFFICE, WORKER, **facts)[0] == (level, text)


def test_a_role_with_a_name_of_its_own_is_called_by_it():
    found = said(server("async", host="work1", load=3.0, role="mails"))
    assert found[0][1].startswith("Async Server “mails” on work1 is overloaded")


def test_of_nobody_there_is_nothing_to_say():
    assert said() == []
