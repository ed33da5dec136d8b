"""Each rule: what is wrong is found with its figures and what to do, and what is well is not."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from django_tandem.monitor import histogram
from django_tandem.monitor.alarm_facts import Facts, HostLoad, Missed, Pages, Server
from django_tandem.monitor.alarm_rules import ENOUGH_REQUESTS, KINDS, MOST_OF_A_KIND, find, judged
from django_tandem.pipeline.orphans import Expected, Seen, judge

NOON = datetime(2030, 1, 1, 12, tzinfo=timezone.utc)


def server(role="async", host="h1", pid=7, **changes):
    row = Server(1, role, host, pid, "r1", "active", "d1", NOON - timedelta(hours=1), True, NOON)
    return row._replace(**changes)


def pages(seconds=0.1, count=100, **changes):
    return Pages("backoffice", "h1", 0, histogram.of([seconds] * count))._replace(**changes)


def queue(ready=1, oldest_s=1.0):
    return {"ready": ready, "oldest_s": oldest_s}


WELL = Facts(
    live="r1",
    servers=[server(), server("backoffice", pid=8), server(host="h2"), server(pid=9, release="r0", state="standby")],
    roles=["async", "backoffice"],
    hosts=[HostLoad("async", "h1", 3.9, 4), HostLoad("backoffice", "h1", 3.9, 4)],
    pages=[pages()],
    page_promise=1.0,
    queues={"default": queue(), "reports": queue(0, None), "gone": queue(0)},
    pressure={},
    paused={},
    consumers={"default": ["async"], "reports": ["async"]},
    promises={"default": 60.0, "reports": 3600.0},
    missed=[],
    orphans=[],
)


def found(**changes):
    return [(one.kind, one.subject, one.text, one.todo) for one in find(replace(WELL, **changes))]


def test_where_all_is_well_there_is_nothing():
    assert find(WELL) == []
    assert judged(WELL) == list(KINDS)


def test_load_is_a_hosts_whoever_is_on_it():
    hosts = [HostLoad("async", "h1", 4.1, 4), HostLoad("backoffice", "h1", 4.3, 4), HostLoad("async", "h2", 2, 2)]
    ((kind, subject, text, _),) = found(hosts=hosts)
    assert (kind, subject, text) == ("load", "h1", "host h1 (async, backoffice): a load of 4.3 on 4 cores")


def test_slow_pages_are_those_beyond_the_promise_if_they_are_enough():
    slow = pages(3.0, slowest_view="loans.views.report")
    ((kind, subject, text, _),) = found(pages=[slow])
    assert (kind, subject) == ("slow pages", "backoffice on h1")
    assert text.startswith("backoffice on h1: 5 of 100 pages take longer than 3.")
    assert text.endswith("promised are 1.0 s (100 in 3 min); the view loans.views.report takes most of it")
    assert not found(pages=[pages(3.0, ENOUGH_REQUESTS - 1)])
    assert not found(pages=[slow], page_promise=4.0)


def test_timeouts_are_counted():
    assert not found(pages=[pages(timeouts=2)])
    ((kind, _, text, _),) = found(pages=[pages(timeouts=3)])
    assert (kind, text) == ("timeouts", "backoffice on h1: 3 requests in 3 min ended with 499, 502 or 504")


def test_late_jobs_are_late_by_their_queues_promise():
    late = {"default": queue(1204, 61), "reports": queue(5, 61)}
    ((kind, subject, text, _),) = found(queues=late)
    assert (kind, subject) == ("late jobs", "default")
    assert text == "queue default: 1,204 jobs are ready, the oldest for 1 min 1 s, promised are 1 min"


def test_late_jobs_of_a_paused_queue_are_told_as_such_with_who_paused_it_also_where_nobody_works():
    ((kind, _, text, todo),) = found(queues={"default": queue(1, 61)}, paused={"default": "Ada"}, servers=[])[:1]
    assert (kind, todo) == ("late jobs", "tandem queues resume default")
    assert text.startswith("queue default is paused by Ada: 1 job is ready")
    assert not found(queues={"default": queue(1, 5)}, paused={"default": "Ada"})


def test_late_jobs_of_a_role_that_yields_say_so():
    pressure = {"async": {"level": 2, "why": "pages"}}
    ((_, _, text, _),) = found(queues={"default": queue(1, 61)}, pressure=pressure)
    assert text.startswith("queue default, whose role async yields to pages: ")
    ((_, _, text, _),) = found(queues={"default": queue(1, 61)}, pressure={"async": {"level": 0, "why": ""}})
    assert "yields" not in text


@pytest.mark.parametrize(
    "servers",
    [
        [server(state="draining")],
        [server(beats=False)],
        [server(release="r0")],
        [server("backoffice")],
    ],
)
def test_a_queue_has_no_consumer_where_no_active_server_of_the_live_release_works_through_it(servers):
    told = found(servers=servers, queues={"default": queue(2, 500)}, roles=[])
    assert told[0][:2] == ("no consumer", "default")
    assert told[0][2:] == ("queue default: 2 jobs are ready, and no server works on it", "tandem serve async")
    assert "late jobs" not in [kind for kind, *_ in told]


def test_a_queue_that_no_role_has_needs_one():
    ((kind, subject, _, todo),) = found(queues={"old": queue()})
    assert (kind, subject, todo) == ("no consumer", "old", "give it to a role, by its queues in tandem.toml")


def test_where_nobody_counted_nothing_is_known_of_queues():
    facts = replace(WELL, queues=None)
    assert find(facts) == []
    assert set(KINDS) - set(judged(facts)) == {"late jobs", "no consumer"}


def test_a_server_is_silent_until_one_stands_in_its_place():
    silent = server(host="h3", pid=5, beats=False, heartbeat_at=NOON - timedelta(seconds=20))
    ((kind, subject, text, todo),) = found(servers=[*WELL.servers, silent])
    assert (kind, subject) == ("silent server", "async on h3")
    assert text == "async on h3 (5) is silent: its last heartbeat was at 11:59:40 UTC; others take its jobs"
    assert todo.startswith("on h3: ")
    assert len(found(servers=[*WELL.servers, silent, silent._replace(pid=6)])) == 1
    back = server(host="h3", pid=6)
    begun_since = server(host="h4", started_at=NOON)
    for other in (back, begun_since):
        assert not found(servers=[*WELL.servers, silent, other])
    assert found(servers=[*WELL.servers, silent, begun_since._replace(role="backoffice")])


def test_a_role_that_had_servers_and_has_none_is_told_once():
    only, found_of = [server("backoffice")], lambda servers: found(servers=servers, queues={})
    ((kind, subject, text, todo),) = found_of(only)
    assert (kind, subject, text, todo) == (
        "silent server", "async", "no server of role async runs any more", "tandem serve async",
    )  # fmt: skip
    assert [subject for _, subject, *_ in found_of([*only, server(host="h3", beats=False)])] == ["async on h3"]
    assert not found_of([*only, server(state="starting")])


def test_orphans_are_those_of_the_pipeline_and_told_by_its_notice():
    seen = Seen(
        role="async", release="r0", host="h1", pid=7, here=False, age_s=200, id=3, state="standby", heartbeat_age_s=1
    )
    orphans = judge([seen], Expected(live="r1", shipping=(), roles={"async"}))
    (one,) = find(replace(WELL, orphans=orphans))
    assert (one.kind, one.subject, one.todo) == ("orphan", "h1:7, 3", "on h1: tandem servers stop h1:7")
    assert one.text == "orphan: async of r0 (h1:7): r1 is live, and no open run is about r0"
    assert one.key == "orphan h1:7 of r0, server 3"
    assert one.more["server"]["verdict"] == "orphan"


def test_a_missed_schedule_is_told_with_its_time():
    ((kind, subject, text, todo),) = found(missed=[Missed("nightly", NOON)])
    assert (kind, subject) == ("missed schedule", "nightly")
    assert text == "schedule nightly was to fire at 2030-01-01 12:00:00 UTC, and did not"
    assert todo.endswith("tandem schedules run nightly")


def test_releases_differ_where_a_server_is_active_at_another_or_settings_differ_within_a_role():
    ((kind, subject, text, _),) = found(servers=[*WELL.servers, server(host="h3", release="r0")])
    assert (kind, subject, text) == ("releases differ", "h3:7", "async on h3 (7) is active at r0; r1 is live")
    ((kind, subject, text, _),) = found(servers=[*WELL.servers, server(host="h3", config_digest="d2")])
    assert (kind, subject, text) == ("releases differ", "async", "servers of role async run with 2 different settings")
    assert not found(servers=[*WELL.servers, server("reports", config_digest="d2")])


def test_of_a_kind_only_the_first_are_told():
    many = found(missed=[Missed(f"job {number}", NOON) for number in range(MOST_OF_A_KIND + 5)])
    assert len(many) == MOST_OF_A_KIND
