"""Of hosts whose clocks are an hour wrong every time is the database's: when a job is due, when it expires, when a
schedule fires."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from django.db import connections
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from django_tandem.queue.states import State
from tests import jobs as shared
from tests.office import ROOT

HOUR = timedelta(hours=1)
SKEWED = {"ahead": 3600, "behind": -3600}

SAYS = "import datetime, time; print(time.time(), datetime.datetime.now(datetime.timezone.utc).timestamp())"
ENQUEUES = """
import sys, django; django.setup()
from datetime import timedelta
from django_tandem.queue import control
from django_tandem.queue.control import Jobs
from django_tandem.queue.tasks_api import task_backends
from tests import jobs as shared
from tests.integration.queue import policies, tasks

shared.add.enqueue(1)
policies.in_an_hour.enqueue(2)
tasks.echo.using(run_after=timedelta(minutes=1)).enqueue(3)
task_backends["default"].enqueue_many(shared.add, [((4,), {})])
task_backends["default"].enqueue_many(tasks.echo.using(run_after=timedelta(minutes=1)), [((5,), {})])
task_backends["default"].enqueue_many(policies.in_an_hour, [((6,), {})])
"""


def elsewhere(skew, code):
    """Run `code` on a host whose clock is so wrong; what it printed."""
    address = {**conninfo_to_dict(os.environ["TANDEM_TEST_DATABASE_URL"])}
    address["dbname"] = connections["default"].settings_dict["NAME"]
    path = [str(ROOT / "tests" / "skew"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "TANDEM_TEST_DATABASE_URL": make_conninfo(**address),
            "TANDEM_TEST_SKEW_S": str(skew),
            "PYTHONPATH": os.pathsep.join(filter(None, path)),
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("skew", SKEWED.values(), ids=SKEWED)
def test_the_host_of_these_tests_is_indeed_wrong(database, skew):
    (now,) = database.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
    for clock in map(float, elsewhere(skew, SAYS).split()):
        assert abs(clock - now - skew) < 600


@pytest.mark.parametrize("skew", SKEWED.values(), ids=SKEWED)
def test_what_such_a_host_enqueues_is_due_and_expires_by_the_databases_clock(database, jobs, skew):
    (before,) = database.execute("SELECT clock_timestamp()").fetchone()
    elsewhere(skew, ENQUEUES)
    (after,) = database.execute("SELECT clock_timestamp()").fetchone()
    assert len(jobs()) == 6
    for job in jobs():
        assert before <= job["enqueued_at"] <= after
        if job["task"].endswith("echo"):
            assert job["state"] == State.SCHEDULED
            assert before <= job["due"] - timedelta(minutes=1) <= after
        else:
            assert (job["state"], job["due"]) == (State.READY, job["enqueued_at"])
        if job["task"].endswith("in_an_hour"):
            assert before <= job["expires_at"] - HOUR <= after


def test_jobs_of_hosts_whose_clocks_differ_are_claimed_in_the_order_in_which_they_came(hand):
    one = "import django; django.setup(); from tests import jobs; print(jobs.add.enqueue({}).id)"
    ids = [int(elsewhere(skew, one.format(number))) for number, skew in enumerate((3600, -3600, 0, 3600))]
    ids.append(int(shared.add.enqueue(9).id))
    assert [job.id for job in hand.claim(9)] == ids == sorted(ids)
