"""The keeper of a real server looks at the fleet: it opens alarms, and its workers yield."""

import json

from django_tandem.monitor import histogram
from tests.waiting import until

# A look comes with each sample of the fleet, every five seconds.
SEEN_S = 60


def test_slow_pages_are_told_and_let_its_workers_yield_while_its_jobs_go_on(office, work, async_server):
    office.append('\n[notices.chat]\ncommand = ["true"]\n')
    server = async_server()
    pages = {"count": 50, "timeouts": 5, "seconds": histogram.of([9.0] * 50)}
    office.query(
        "INSERT INTO tandem_sample (resolution, at, server, role, host, release, facts)"
        " SELECT 5, clock_timestamp() + number * interval '5 seconds', 4711, 'backoffice', 'elsewhere', 'r1', %s"
        " FROM generate_series(0, 60) AS number", json.dumps({"pages": pages}),
    )  # fmt: skip
    server.running.says("yields, level 1: 5 of 100 pages take longer than .* limit 2.0 s", SEEN_S)
    work.write("a")
    until(lambda: work.lines() == [["a"]], SEEN_S)
    until(lambda: office.json("status")["pressure"], SEEN_S)
    until(lambda: office.query(
        "SELECT 1 FROM tandem_sample WHERE server = 0 AND (facts #>> '{pressure,async,level}')::int > 0"
    ), SEEN_S)  # fmt: skip
    (alarm, *_) = until(lambda: office.json("alarms"), SEEN_S)
    assert (alarm["kind"], alarm["subject"]) == ("timeouts", "backoffice on elsewhere")
    sent = "SELECT count(*) FROM tandem_result WHERE task = 'django_tandem.pipeline.delivery.deliver' AND state = 3"
    until(lambda: office.query(sent) == [(1,)], SEEN_S)
