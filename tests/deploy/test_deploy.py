"""The benchmark of releases under load sees what goes wrong: its clients, its account, its figures."""

import os
import socket
import struct
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg
import pytest

from benchmarks.clients import Answer, Plan, asking
from benchmarks.deploy import account
from benchmarks.deploy.__main__ import figures_of, is_stale
from benchmarks.deploy.shop import Passage
from tests import office as offices
from tests.waiting import until

SLOW_S = 0.5


class Bad(BaseHTTPRequestHandler):
    """Answers as its path says."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if self.path in ("/reset", "/cut"):
            self.close_connection = True
            return
        if self.path == "/never":
            threading.Event().wait(4 * SLOW_S)
        self.send_response(int(self.path[1:]) if self.path[1:].isdecimal() else 200)
        self.send_header("Edition", "7")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        """Nothing."""


@pytest.fixture
def bad():
    """Where it answers."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Bad)
    server.daemon_threads = True
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    serving.join()
    server.server_close()


def test_clients_call_failed_whatever_is_no_answer(bad):
    paths = ("/", "/302", "/404", "/500", "/503", "/reset", "/cut", "/never")
    plan = Plan(
        base=bad, pages=[("GET", path, {}) for path in paths], clients=6, pause_s=0.01, timeout_s=SLOW_S,
        cookies={"sessionid": "1"},
    )  # fmt: skip
    found = defaultdict(set)
    with asking(plan) as answers:
        until(lambda: {one.path for one in list(answers)} == set(paths) and len(answers) > 60, 60)
    for one in answers:
        found[one.path].add(one.failed)
    assert found == {path: {path not in ("/", "/302")} for path in paths}
    assert {one.edition for one in answers if not one.failed} == {7}
    assert all(one.error.startswith(("TimeoutError", "timeout")) for one in answers if one.path == "/never")
    assert any(one.kept for one in answers)
    assert not all(one.kept for one in answers if not one.failed)


def test_a_client_that_is_refused_says_so():
    plan = Plan(base=f"http://127.0.0.1:{offices.free_port()}", pages=[("GET", "/", {})], clients=2, pause_s=0.01)
    with asking(plan) as answers:
        until(lambda: len(answers) > 3, 60)
    assert all(one.failed and one.error.startswith("ConnectionRefusedError") for one in answers)


def test_the_account_finds_what_is_lost_and_what_is_there_twice():
    name = f"deploy_account_{os.getpid()}"
    url = offices.make_database(name)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE shop_order AS SELECT unnest(ARRAY[1, 2, 3]) AS number")
        confirmed = "unnest(ARRAY[1, 3, 3, 3]) AS number, unnest(ARRAY[1, 1, 1, 2]) AS edition"
        connection.execute(f"CREATE TABLE shop_confirmation AS SELECT {confirmed}")
        assert account.count(connection, [1, 4]) == {"tasks": 4, "tasks_lost": 2, "tasks_doubled": 2}
        assert account.by_edition(connection) == {1: 3, 2: 1}
    offices.drop_database(name)


def passage(edition, began, **facts):
    """Steps of a second each, of which the last but one proves the release before gone."""
    steps = [(name, began + number, began + number + 1.0) for number, name in enumerate(("prepare", "prove", "verify"))]
    return Passage(name=str(edition), edition=edition, steps=steps, **facts)


def answer(at, edition=1, **facts):
    return Answer(**{"at": at, "ms": 100.0, "method": "GET", "path": "/", "status": 200, "edition": edition, **facts})


def test_an_answer_of_a_release_that_was_gone_is_a_failure():
    passages = [passage(0, 0), passage(1, 10, switch_ms=40.0, ship_s=8.0), passage(0, 20, switch_ms=60.0)]
    assert [is_stale(answer(at, 0), passages) for at in (5, 9.95, 11.5, 12.5, 20.5, 22.5)] == [
        False, False, False, True, False, False,
    ]  # fmt: skip
    assert [is_stale(answer(at, 1), passages) for at in (5, 9.95, 11.5, 12.5, 20.5, 22.5)] == [
        True, False, False, False, False, True,
    ]  # fmt: skip
    answers = [answer(12.5), answer(13, ms=300.5), answer(13, 0), answer(14, None, status=502)]
    assert figures_of(passages, answers, {"tasks": 3, "tasks_lost": 0, "tasks_doubled": 0}) == {
        "requests": 4, "failed": 2, "worst_ms": 300.5, "tasks": 3, "tasks_lost": 0, "tasks_doubled": 0,
        "switch_ms": 60.0, "ship_s": 8.0,
    }  # fmt: skip
