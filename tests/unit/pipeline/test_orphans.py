"""What is seen of a server, and what that makes of it."""

from dataclasses import replace

import pytest

from django_tandem.pipeline.look import Row, Sessions, merge
from django_tandem.pipeline.orphans import Expected, Member, Seen, find_orphans, judge

EXPECTED = Expected(live="new", shipping={"next"}, roles={"backoffice", "async"})
SERVER = Seen(
    role="async", release="new", host="h1", pid=7, here=True, age_s=600, id=1, state="active", heartbeat_age_s=2,
    members=(Member(7, 1.0),), sessions=3, kept_by="agent",
)  # fmt: skip
FROZEN = {"heartbeat_age_s": 60.0}
GONE = {"heartbeat_age_s": 60.0, "members": (), "sessions": 0}
ELSEWHERE = {"host": "h2", "here": False, "members": ()}


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "live"),
        ({"state": "draining"}, "draining"),
        ({"release": "old", "state": "draining"}, "draining"),
        ({"release": "next", "state": "standby"}, "stands by"),
        ({"release": "old", "state": "standby"}, "orphan"),
        ({"release": "old", **ELSEWHERE}, "orphan"),
        ({"release": "old", "sessions": 0, **ELSEWHERE}, "orphan"),
        ({"role": "reports"}, "orphan"),
        ({"role": "reports", "release": "next"}, "stands by"),
        ({"release": "old", "state": "starting", "age_s": 3}, "starting"),
        ({"release": "old", "state": "starting"}, "orphan"),
        ({"id": None, "state": None, "heartbeat_age_s": None, "age_s": 3}, "starting"),
        ({"id": None, "state": None, "heartbeat_age_s": None, "release": "old"}, "orphan"),
        (FROZEN, "silent"),
        ({"state": "stopped"}, "silent"),
        ({"release": "old", **FROZEN}, "orphan"),
        ({"release": "old", **FROZEN, "state": "stopped", **ELSEWHERE}, "orphan"),
        ({"release": "old", "state": "draining", **FROZEN}, "orphan"),
        (GONE, "silent"),
        ({"release": "old", **GONE}, "silent"),
    ],
)
def test_a_verdict(changes, verdict):
    (judged,) = judge([replace(SERVER, **changes)], EXPECTED)
    assert judged.verdict == verdict
    assert bool(judged.todo) == (verdict == "orphan")


def test_an_orphan_says_why_and_what_ends_it_and_where():
    here, there, frozen = find_orphans(
        [
            SERVER,
            replace(SERVER, release="old"),
            replace(SERVER, release="old", **ELSEWHERE),
            replace(SERVER, role="reports", **FROZEN),
        ],
        EXPECTED,
    )
    assert here.why == "new is live, and no open run is about old"
    assert here.todo == "tandem servers stop h1:7"
    assert there.todo == "on h2: tandem servers stop h2:7"
    assert frozen.why == "there is no role reports any more; no heartbeat for 60 s, and lives"


def family(pid, role, release, **more):
    facts = {"ours": False, "age_s": 100.0, "by_agent": False, "kept_by": "bash (pid 1)", "members": [[pid, 1.0]]}
    return {pid: {"pid": pid, "role": role, "release": release, **facts, **more}}


def row(number, pid, **changes):
    facts = {
        "role": "async", "host": "h1", "release": "old", "state": "standby", "config_digest": "d",
        "heartbeat_age_s": 1.0, "age_s": 90.0,
    }  # fmt: skip
    return Row(**{"id": number, "pid": pid, **facts, **changes})


@pytest.mark.parametrize(
    "other",
    [
        family(7, "backoffice", "old"),
        family(7, "async", "new"),
        family(7, "async", "old", age_s=50.0),  # it began after the row: the process id was given to it later
    ],
)
def test_a_process_id_that_has_become_another_s_is_not_the_server_s(other):
    (seen,) = merge([row(1, 7)], other, {}, "h1")
    assert seen.members == ()
    assert merge([row(1, 7, state="stopped")], other, {}, "h1") == []
    (seen,) = merge([row(1, 7, host="h2")], family(7, "async", "old"), {}, "h1")
    assert (seen.members, seen.here) == ((), False)


def test_what_is_said_to_have_stopped_is_seen_by_its_processes_and_by_its_sessions():
    (seen,) = merge([row(1, 7, state="stopped")], family(7, "async", None, members=[[7, 1.0], [8, 2.0]]), {}, "h1")
    assert [member.pid for member in seen.members] == [7, 8]
    # Its first process is gone; a worker of it is not.
    (seen,) = merge([row(1, 7, state="stopped")], family(8, "async", None, age_s=3.0), {1: Sessions(2, [8])}, "h1")
    assert ([member.pid for member in seen.members], seen.sessions) == ([8], 2)
    (seen,) = merge([row(1, 7, state="stopped", host="h2")], {}, {1: Sessions(1, [])}, "h1")
    assert (seen.lives, seen.beats) == (True, False)


def test_of_two_rows_of_one_process_id_the_newer_is_the_process_s():
    seen = merge([row(1, 7, age_s=99.0), row(2, 7, age_s=5.0)], family(7, "async", "old"), {}, "h1")
    assert {one.id: len(one.members) for one in seen} == {1: 0, 2: 1}


def test_processes_without_a_row_are_told_where_they_are_of_this_root():
    theirs = family(7, "async", "old")
    assert merge([], theirs, {}, "h1") == []
    (seen,) = merge([], family(7, "async", "old", ours=True, by_agent=True), {}, "h1")
    assert (seen.name, seen.id, seen.kept_by) == ("h1:7", None, "agent")
