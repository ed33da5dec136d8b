"""`tandem alarms`: what is wrong, and what was."""

import json

import pytest

from django_tandem.monitor import alarms
from django_tandem.monitor.alarm_rules import KINDS, TIMEOUTS, Finding
from django_tandem.queue import pressure

WRONG = Finding(TIMEOUTS, "backoffice on h1", "3 requests [ended] with 504", "look at the slowest view")


@pytest.fixture
def wrong(database):
    """One alarm that is over, and one that is open."""
    for subject in ("backoffice on h0", WRONG.subject):
        database.execute("UPDATE tandem_alarm SET ended_at = clock_timestamp()")
        with database.transaction():
            alarms.keep(database, [WRONG._replace(subject=subject)], list(KINDS))
    yield
    database.execute("DELETE FROM tandem_alarm")


def test_where_nothing_is_wrong_it_says_so(tandem, database):
    assert tandem("alarms").stdout == "no alarm is open\n"
    assert tandem("alarms", "--all").stdout == "no alarm was there yet\n"
    assert json.loads(tandem("alarms", "--json").stdout) == []


def test_what_is_open_is_told_with_what_to_do(tandem, wrong):
    first, second = tandem("alarms").stdout.splitlines()
    assert first.startswith("timeouts: 3 requests [ended] with 504 (since ")
    assert second.strip() == WRONG.todo
    ((one),) = json.loads(tandem("alarms", "--json").stdout)
    assert one.pop("since").endswith("+00:00")
    assert one == {"kind": TIMEOUTS, "subject": WRONG.subject, "text": WRONG.text, "todo": WRONG.todo}


def test_what_is_over_is_told_when_asked_for(tandem, wrong):
    newest, oldest = json.loads(tandem("alarms", "--all", "--json").stdout)
    assert (newest["ended_at"], newest["subject"]) == (None, WRONG.subject)
    assert oldest["ended_at"].endswith("+00:00")
    assert " until " in tandem("alarms", "--all").stdout


def test_status_tells_alarms_and_who_yields(tandem, wrong, database):
    pressure.tell(database, "async", 2, "pages are slow")
    told = tandem("status").stdout
    assert "3 requests [ended] with 504" in told
    assert "async yields to pages, level 2: pages are slow" in told
    facts = json.loads(tandem("status", "--json").stdout)
    assert facts["pressure"] == {"async": {"level": 2, "why": "pages are slow"}}
    assert [one["subject"] for one in facts["alarms"]] == [WRONG.subject]
