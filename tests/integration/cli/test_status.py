"""`tandem status` on a database in which nothing has happened, and beside servers that run."""

import json
from datetime import datetime, timezone

from django_tandem.queue import fence
from tests import jobs
from tests.integration.queue.conftest import register


def test_before_the_first_server(office):
    nothing = {"servers": [], "fence": {"release": None, "epoch": 0}, "orphans": [], "queues": []}
    nothing |= {"pressure": {}, "alarms": []}
    assert office.json("status") == nothing
    told = office.tandem("status").stdout
    assert "no release may claim yet (epoch 0)" in told
    assert "no server runs: tandem up" in told
    assert "no unfinished jobs" in told


def test_without_a_database_it_says_so_in_one_line(bare_office):
    done = bare_office.tandem("status")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "tandem: DATABASES['default'] names no database: run `tandem up`, which starts one, or set TANDEM_DATABASE_URL"
    ]


def test_servers_and_queues(tandem, database, hand):
    release = "r[2]"
    fence.activate(database, release)
    register(database, role="backoffice", host="b1", pid=7, release=release, state="active")
    register(database, role="async", host="a2", pid=8, release=release, state="draining")
    register(database, role="async", host="a3", pid=9, release=release, state="stopped")
    database.execute("UPDATE tandem_server SET heartbeat_at = heartbeat_at - interval '90 seconds' WHERE pid = 7")
    jobs.nothing.enqueue()
    database.execute("UPDATE tandem_job SET enqueued_at = enqueued_at - interval '30 seconds'")
    jobs.nothing.enqueue()
    jobs.nothing.using(queue_name="reports", run_after=datetime(2037, 1, 31, tzinfo=timezone.utc)).enqueue()
    jobs.nothing.using(queue_name="mail").enqueue()
    assert len(hand.claim(queues=("mail",))) == 1

    done = tandem("status", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    facts = json.loads(done.stdout)
    assert set(facts) == {"servers", "fence", "orphans", "queues", "pressure", "alarms"}
    assert [(one["host"], one["release"]) for one in facts["orphans"]] == [("here", "test")]
    assert facts["fence"] == {"release": release, "epoch": fence.read(database).epoch}
    ages = [one.pop("heartbeat_age_s") for one in facts["servers"]]
    assert [age // 10 for age in ages] == [0, 0, 9]
    assert facts["servers"] == [
        {"role": "async", "host": "a2", "pid": 8, "release": release, "state": "draining"},
        {"role": "async", "host": "here", "pid": hand.owner.worker, "release": "test", "state": "active"},
        {"role": "backoffice", "host": "b1", "pid": 7, "release": release, "state": "active"},
    ]
    oldest = [one.pop("oldest_ready_s") for one in facts["queues"]]
    assert (oldest[0] // 10, oldest[1:]) == (3, [None, None])
    assert facts["queues"] == [
        {"name": "default", "ready": 2, "scheduled": 0, "running": 0},
        {"name": "mail", "ready": 0, "scheduled": 0, "running": 1},
        {"name": "reports", "ready": 0, "scheduled": 1, "running": 0},
    ]

    lines = [line.split() for line in tandem("status").stdout.splitlines() if line.strip()]
    assert lines[0] == ["release", release, "may", "claim", "(epoch", f"{facts['fence']['epoch']})"]
    assert ["async", "here", str(hand.owner.worker), "test", "(not", "live)", "active"] in [line[:-3] for line in lines]
    assert [line[:-3] for line in lines if line[0] == "backoffice"] == [["backoffice", "b1", "7", release, "active"]]
    assert [line[:4] for line in lines[-3:]] == [
        ["default", "2", "0", "0"], ["mail", "0", "0", "1"], ["reports", "0", "1", "0"],
    ]  # fmt: skip
