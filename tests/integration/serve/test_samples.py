"""Servers of both roles are watched: what they did is in the database seconds later."""

import os
import signal
import time

import psutil
import pytest

from tests.integration.serve.servers import lives
from tests.waiting import until

# Samples are of five seconds, and what workers noted is on its way for two.
SEEN_S = 60


@pytest.fixture
def counted(office):
    """What a path of the samples' facts, of a role, adds up to."""

    def counted(role, *path):
        ((total,),) = office.query(
            "SELECT coalesce(sum((facts #>> %s)::numeric), 0)::int FROM tandem_sample"
            " WHERE role = %s AND resolution = 5", list(path), role,
        )  # fmt: skip
        return total

    return counted


def gunicorn_workers(server):
    """The processes that answer."""
    arbiter = server.arbiter()
    return [one.pid for one in psutil.Process(arbiter).children() if lives(one)] if arbiter else []


def test_samples_tell_of_real_requests_and_jobs_and_of_what_all_share(office, work, back_office, async_server, counted):
    log = office.folder / "access.log"
    log.write_text('::1 - - [26/Nov/2026:03:00:00 +0000] "GET / HTTP/1.1" 504 0 "-" "-"\n')
    office.append(f'\n[monitor]\nnginx_log = "{log}"\n')
    office.append(
        "\nimport django_tandem\n\n"
        "@django_tandem.task(retry=django_tandem.Retry(attempts=2, backoff=0.1))\n"
        "def give_up(path):\n    raise ValueError(path)\n",
        "office/tasks.py",
    )
    back, async_ = back_office(), async_server()
    until(lambda: counted("backoffice", "server", "processes"), SEEN_S)
    for header in (f"t={time.time() - 0.5:.3f}", "nonsense"):
        assert office.get("/", X_Request_Start=header)[0] == 200
    assert office.get("/nowhere")[0] == 404
    assert office.get("/slow")[0] == 500  # it misses a parameter
    with log.open("a") as file:
        file.write('::1 - - [26/Nov/2026:03:00:00 +0000] "GET / HTTP/1.1" 499 0 "-" "-"\n')
    work.hold("a")
    work.begun("a")
    work.write("b")
    work.enqueue("give_up")
    until(lambda: counted("async", "tasks", "failed") == 1, SEEN_S)
    until(lambda: counted("backoffice", "pages", "count") == 4, SEEN_S)
    until(lambda: counted("backoffice", "pages", "timeouts") == 1, SEEN_S)
    until(lambda: counted("async", "tasks", "successful") == 1, SEEN_S)
    assert counted("async", "tasks", "retried") == 1
    assert counted("async", "tasks", "claims") == 4
    assert counted("async", "tasks", "seconds", "count") == 3
    assert counted("async", "tasks", "tasks", "office.tasks.give_up", "failed") == 1
    pages = {name: counted("backoffice", "pages", name) for name in ("errors_4xx", "errors_5xx")}
    assert pages == {"errors_4xx": 1, "errors_5xx": 1}
    assert counted("backoffice", "pages", "queue_seconds", "count") == 1
    views = {view: counted("backoffice", "pages", "views", view, "count") for view in (
        "office.urls.hello", "office.urls.slow", "(no view)",
    )}  # fmt: skip
    assert views == {"office.urls.hello": 2, "office.urls.slow": 1, "(no view)": 1}

    ((running, slots, processes),) = office.query(
        "SELECT facts #>> '{tasks,running}', facts #>> '{tasks,slots}', facts #>> '{server,processes}'"
        " FROM tandem_sample WHERE server = %s ORDER BY at DESC LIMIT 1", async_.id,
    )  # fmt: skip
    assert (running, slots, processes) == ("1", "4", "4")
    shared = "SELECT facts FROM tandem_sample WHERE server = 0 AND resolution = 5 ORDER BY at DESC LIMIT 1"
    # Jobs are counted again after a while: the newest count may be from before these.
    until(lambda: office.query(shared)[0][0]["queues"].get("default", {}).get("running") == 1, SEEN_S)
    assert office.query(shared)[0][0]["database"]["connections"] >= 4

    told = 'tandem_http_requests_total{code="5xx",view="office.urls.slow"} 1.0'
    until(lambda: told in office.get("/-/metrics")[1].decode(), SEEN_S)
    told = 'tandem_jobs_total{outcome="failed",task="office.tasks.give_up"} 1.0'
    until(lambda: told in office.get("/-/metrics", async_.address)[1].decode(), SEEN_S)
    for port in (office.port, async_.address):
        assert office.get("/-/metrics", port, X_Forwarded_For="203.0.113.9")[0] == 403
    work.open()
    work.finished(3)
    assert (back.running.stop(), async_.running.stop()) == (0, 0)
    assert "the monitor" not in back.running.output + async_.running.output


def test_what_was_noted_is_told_when_a_worker_ends_and_when_its_server_does(
    office, work, back_office, async_server, counted
):
    back, async_ = back_office(), async_server()
    until(lambda: counted("async", "server", "processes") and counted("backoffice", "server", "processes"), SEEN_S)
    for _ in range(7):
        assert office.get("/")[0] == 200
    (first,) = gunicorn_workers(back)
    os.kill(first, signal.SIGTERM)
    for number in range(20):
        work.write(str(number))
    work.finished(20)
    for worker in async_.workers():
        os.kill(worker, signal.SIGTERM)
    until(lambda: counted("backoffice", "pages", "count") == 7, SEEN_S)
    until(lambda: counted("async", "tasks", "successful") == 20, SEEN_S)
    until(lambda: gunicorn_workers(back) not in ([], [first]))

    until(lambda: office.answers("/"))
    work.write("the last")
    work.finished(21)
    asked = 7 + 1
    assert (back.running.stop(), async_.running.stop()) == (0, 0)
    assert counted("backoffice", "pages", "count") >= asked
    assert counted("async", "tasks", "successful") == 21


def test_without_its_keeper_or_the_monitors_table_a_server_loses_nothing_that_it_noted(office, back_office, counted):
    server = back_office()
    office.query("ALTER TABLE tandem_sample RENAME TO elsewhere")
    for _ in range(3):
        assert office.get("/")[0] == 200
    server.running.says(r"the monitor waits for its tables")
    keeper = server.keeper()
    office.query("ALTER TABLE elsewhere RENAME TO tandem_sample")
    until(lambda: counted("backoffice", "pages", "count") == 3, SEEN_S)
    assert server.keeper() == keeper

    os.kill(keeper, signal.SIGKILL)
    for _ in range(2):
        assert office.get("/")[0] == 200
    until(lambda: server.keeper() not in (keeper, None))
    until(lambda: counted("backoffice", "pages", "count") == 5, SEEN_S)
    assert server.running.stop() == 0
