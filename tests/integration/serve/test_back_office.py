"""The Back Office as a real process: it answers, it is killed, it ends."""

import os
import signal
import socket
import stat
import threading
from http.client import HTTPException
from urllib.parse import urlencode

import psutil
import pytest

from tests.integration.serve.servers import Server
from tests.waiting import until


class Request(threading.Thread):
    """A request for a page that answers when the work's gate opens."""

    def __init__(self, server, work, line):
        super().__init__()
        self.path = "/hold?" + urlencode({"path": work.path, "line": line, "gate": work.gate})
        self.server, self.answer = server, None
        self.start()
        self.pid = work.begun(line)

    def run(self):
        try:
            self.answer = self.server.ask(self.path)
        except (OSError, HTTPException) as error:
            self.answer = error


def refuses(server):
    try:
        server.ask("/")
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # it came in the moment in which the socket was closed: ask again
        return False
    return False


def test_it_answers_pages_and_says_who_it_is(office, back_office):
    server = back_office(TANDEM_HEALTH_TOKEN="the token")
    status, page = server.ask("/")
    assert (status, page["hello"]) == (200, "office")
    assert psutil.Process(page["pid"]).ppid() == server.arbiter()

    row = office.query("SELECT role, host, pid, release, config_digest, state, now() - heartbeat_at FROM tandem_server")
    ((role, host, pid, release, digest, state, age),) = row
    assert (role, host, pid, release, state) == ("backoffice", socket.gethostname(), server.pid, "r1", "active")
    assert age.total_seconds() < 15
    status, told = server.ask("/-/release")
    assert status == 200
    assert "T" in told.pop("started")
    assert told == {"role": role, "release": "r1", "config_digest": digest, "pid": server.pid, "state": "active"}
    assert server.ask("/-/live") == (200, {"live": True})
    assert server.ask("/-/ready") == (200, {"ready": True, "state": "active"})
    assert server.ask("/-/else")[0] == 404
    assert server.ask("/-/release", **{"X-Forwarded-For": "127.0.0.1"})[0] == 403
    assert server.ask("/-/release", Host="office.example")[0] == 403
    assert server.ask("/-/release", Host="office.example", Authorization="Bearer wrong")[0] == 403
    assert server.ask("/-/release", Host="office.example", Authorization="Bearer the token")[0] == 200

    assert server.running.stop() == 0
    assert server.running.nothing_is_left()
    assert server.state == "stopped"


def test_term_lets_a_running_request_finish_and_refuses_new_ones(back_office, work):
    server = back_office()
    request = Request(server, work, "a")
    server.running.send(signal.SIGTERM)
    until(lambda: refuses(server))
    until(lambda: server.state == "draining")
    work.open()
    request.join()
    assert request.answer == (200, {"held": "a"})
    assert server.running.wait() == 0
    assert server.running.nothing_is_left()
    assert server.state == "stopped"


def test_a_second_interrupt_does_not_wait(back_office, work):
    server = back_office()
    request = Request(server, work, "a")
    server.interrupt()
    until(lambda: refuses(server))
    assert server.running.process.poll() is None
    server.interrupt()
    assert server.running.wait(15) == 0
    request.join()
    assert isinstance(request.answer, (OSError, HTTPException))
    assert server.running.nothing_is_left()
    assert server.state == "stopped"


def test_whatever_is_killed_is_replaced_and_the_address_stays(back_office):
    server = back_office()
    page = server.ask("/")[1]
    os.kill(page["pid"], signal.SIGKILL)
    assert server.ask("/")[0] == 200

    arbiter, keeper = server.arbiter(), server.keeper()
    os.kill(arbiter, signal.SIGKILL)
    until(lambda: server.arbiter() not in (arbiter, None))
    assert server.ask("/")[0] == 200
    until(lambda: server.keeper() == keeper)  # None while gunicorn's first process has no worker yet

    os.kill(keeper, signal.SIGKILL)
    until(lambda: server.keeper() not in (keeper, None))
    until(lambda: server.state == "active")
    assert server.is_ready()
    assert server.running.stop() == 0
    assert server.running.nothing_is_left()


def test_a_killed_supervisor_leaves_nothing(back_office, work):
    server = back_office()
    request = Request(server, work, "a")
    server.kill()
    until(lambda: server.state == "stopped")
    work.open()
    until(server.running.nothing_is_left)
    request.join()
    assert refuses(server)


@pytest.fixture
def unix_office(office, tmp_path_factory):
    """The office behind a proxy: it binds a Unix socket."""
    office.socket = tmp_path_factory.mktemp("s") / "office.sock"
    office.edit(f"127.0.0.1:{office.port}", f"unix:{office.socket}")
    return office


def on_unix(office):
    return Server(office, "backoffice", str(office.socket)).ready()


def test_on_a_unix_socket_nobody_is_taken_for_this_host(unix_office):
    server = on_unix(unix_office)
    assert stat.S_ISSOCK(unix_office.socket.stat().st_mode)
    assert server.ask("/")[0] == 200
    assert server.ask("/-/release")[0] == 403

    # gunicorn alone is told to end: its successor answers at the same address.
    arbiter = server.arbiter()
    os.kill(arbiter, signal.SIGTERM)
    until(lambda: server.arbiter() not in (arbiter, None))
    assert server.ask("/")[0] == 200

    server.kill()
    until(server.running.nothing_is_left)
    second = on_unix(unix_office)
    assert second.ask("/")[0] == 200
    assert second.running.stop() == 0
    assert not unix_office.socket.exists()


def test_a_server_that_drains_does_not_take_its_successors_socket_with_it(unix_office, work):
    first = on_unix(unix_office)
    request = Request(first, work, "a")
    first.running.send(signal.SIGTERM)
    until(lambda: not unix_office.socket.exists() or refuses(first))
    second = on_unix(unix_office)
    work.open()
    request.join()
    assert request.answer == (200, {"held": "a"})
    assert first.running.wait() == 0
    assert second.ask("/")[0] == 200


def test_an_application_that_does_not_import_is_told_before_anything_runs(office):
    office.edit('settings = "office.settings"', 'settings = "office.settings"\nwsgi = "office.nowhere.application"')
    done = office.tandem("serve", "backoffice")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "tandem: office.nowhere.application does not import: ModuleNotFoundError: No module named 'office.nowhere'"
    ]
    assert office.query("SELECT count(*) FROM tandem_server") == [(0,)]


def test_its_views_are_imported_before_anybody_asks(office, back_office):
    office.append('\nimport pathlib\n\npathlib.Path("imported").touch()\n', "office/urls.py")
    back_office()
    until(lambda: (office.folder / "imported").exists())


def test_views_that_do_not_import_are_told_by_the_first_page(office, back_office):
    office.append('\nraise ValueError("no views today")\n', "office/urls.py")
    server = back_office()
    assert office.get("/")[0] == 500
    assert "no views today" in server.running.output


def test_views_that_take_longer_to_import_than_a_worker_may_be_silent_are_waited_for(office, back_office):
    office.edit("[roles.backoffice]\n", "[roles.backoffice]\ntimeout = 2.0\n")
    office.append("\nimport time\n\ntime.sleep(6)\n", "office/urls.py")
    server = back_office()
    assert office.get("/")[0] == 200
    assert "WORKER TIMEOUT" not in server.running.output
