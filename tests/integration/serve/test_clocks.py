"""Async Servers of hosts whose clocks are an hour wrong: leases, times to run after, expiry, timeouts and schedules
follow the database's clock."""

from datetime import datetime, timezone

import pytest

from tests.office import ROOT
from tests.waiting import until

SUCCESSFUL, FAILED = 3, 4
SKEWED = {"ahead": 3600, "behind": -3600}

SCHEDULES = """

from django_tandem import cron
from django_tandem import task as tandem_task


@cron("* * * * * *", missed="all")
@task
def tick(): ...


@tandem_task(timeout=0.3)
def count_for(seconds):
    began = time.monotonic()
    while time.monotonic() < began + seconds:
        pass
"""


@pytest.fixture
def skewed_server(office, async_server):
    """An Async Server of a host whose clock is so wrong."""
    office.append(SCHEDULES, "office/tasks.py")
    return lambda skew: async_server(
        PYTHONPATH=f"{ROOT / 'tests' / 'skew'}:{ROOT / 'src'}", TANDEM_TEST_SKEW_S=str(skew)
    )


def later(office, job, **columns):
    """Shift times of a waiting job: minutes from now, by the database's clock."""
    for column, minutes in columns.items():
        office.query(f"UPDATE tandem_job SET {column} = now() + make_interval(mins => %s) WHERE id = %s", minutes, job)  # noqa: S608 - names of columns, from above


@pytest.mark.parametrize("skew", SKEWED.values(), ids=SKEWED)
def test_on_a_server_whose_clock_is_an_hour_wrong_all_times_are_the_databases(office, work, skewed_server, skew):
    not_yet, now = (work.write(line, after_s=7200) for line in ("not-yet", "now"))
    later(office, not_yet, due=30, run_after=30)
    later(office, now, due=-30, run_after=-30)
    in_time, too_late = (work.write(line, after_s=7200) for line in ("in-time", "too-late"))
    later(office, in_time, due=-1, run_after=-1, expires_at=30)
    later(office, too_late, due=30, run_after=30, expires_at=-30)
    interrupted = work.enqueue("count_for", after_s=7200)
    office.query("UPDATE tandem_job SET arguments = '[[60],{}]', due = now() WHERE id = %s", interrupted)
    living, silent = (
        office.query(
            "INSERT INTO tandem_server (role, host, pid, release, config_digest, state, heartbeat_at)"
            " VALUES ('async', %s, 0, 'r1', '', 'active', now() + make_interval(mins => %s)) RETURNING id",
            host,
            minutes,
        )[0][0]
        for host, minutes in (("living", 10), ("silent", -1))
    )

    server = skewed_server(skew)
    started = datetime.fromisoformat(server.ask("/-/release")[1]["started"])
    assert abs((started - datetime.now(timezone.utc)).total_seconds() - skew) < 600, "it is not skewed at all"

    states = dict(until(lambda: len(done := _done(office)) == 4 and done))
    assert states == {now: SUCCESSFUL, in_time: SUCCESSFUL, too_late: FAILED, interrupted: FAILED}
    assert sorted(line for (line,) in work.lines()) == ["in-time", "now"]
    assert [(id_, state) for id_, state, *_ in work.unfinished() if id_ == not_yet] == [(not_yet, 0)]

    state_of = "SELECT state FROM tandem_server WHERE id = %s"
    until(lambda: office.query(state_of, silent) == [("stopped",)])
    assert office.query(state_of, living) == [("active",)]
    age = "SELECT extract(epoch FROM clock_timestamp() - heartbeat_at)::float8 FROM tandem_server WHERE id = %s"
    assert 0 <= office.query(age, server.id)[0][0] < 15

    until(lambda: office.query("SELECT count(*) FROM tandem_firing") > [(2,)])
    wrong = (
        "SELECT * FROM tandem_firing WHERE fire_at > fired_at OR fire_at < fired_at - interval '10 min'"
        " UNION ALL SELECT name, next_at, NULL, NULL, NULL FROM tandem_schedule WHERE next_at > now() + interval '10 s'"
    )
    assert office.query(wrong) == []
    assert server.running.stop() == 0


def test_servers_of_hosts_whose_clocks_are_two_hours_apart_leave_each_other_alone(office, work, skewed_server):
    ahead, behind = (skewed_server(skew) for skew in SKEWED.values())
    for line in "abcdefgh":
        work.hold(line)
    until(lambda: len(work.lines("begin")) == 8)
    assert ahead.state == behind.state == "active"
    work.open()
    until(lambda: len(_done(office)) == 8)
    assert sorted(line for _, line, _ in work.lines("end")) == list("abcdefgh")
    assert {(state, attempt) for _, state, attempt, _ in work.results()} == {(SUCCESSFUL, 1)}
    times = office.query("SELECT schedule, fire_at FROM tandem_firing")
    assert len(times) == len(set(times))


def _done(office):
    return office.query("SELECT id, state FROM tandem_result WHERE task <> 'office.tasks.tick'")
