import hmac
import http.client
import json
import socket
import threading
from datetime import datetime, timezone
from io import BytesIO
from wsgiref.util import setup_testing_defaults

import pytest

from django_tandem.serve.health import Health, HealthServer, wrap
from django_tandem.serve.identity import Identity
from django_tandem.serve.standing import UNREACHABLE, Standing

IDENTITY = Identity(
    id=7,
    role="backoffice",
    host="office",
    pid=4711,
    release="r1",
    config_digest="c0ffee",
    started=datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc),
)
TOKEN = "the token"
RELEASE = {
    "role": "backoffice",
    "release": "r1",
    "config_digest": "c0ffee",
    "pid": 4711,
    "started": "2026-01-02T03:04:05+00:00",
    "state": "active",
}


@pytest.fixture
def standing():
    one = Standing()
    one.tell("active")
    return one


@pytest.fixture
def health(standing):
    return made(standing)


def made(standing, token=TOKEN, behind_proxy=False, metrics=lambda: b"tandem_up 1\n"):
    return Health(
        identity=IDENTITY,
        token=token,
        standing=standing,
        unready=standing.unready,
        behind_proxy=behind_proxy,
        metrics=metrics,
    )


def project(environ, start_response):
    start_response("200 OK", [("X-From", "project")])
    return [environ["PATH_INFO"].encode()]


def ask(health, path, client="127.0.0.1", host="127.0.0.1:8000", **headers):
    """Status, headers and body of what the wrapped project answers."""
    environ = {"PATH_INFO": path, "REMOTE_ADDR": client, "HTTP_HOST": host, "wsgi.input": BytesIO()}
    environ.update({f"HTTP_{name.upper()}": value for name, value in headers.items()})
    setup_testing_defaults(environ)
    started = []
    body = b"".join(wrap(project, health)(environ, lambda status, headers: started.append((status, headers))))
    ((status, answered),) = started
    return int(status.split()[0]), dict(answered), body


def status_of(health, *args, **kwargs):
    return ask(health, *args, **kwargs)[0]


def test_live_release_and_ready_are_json_that_nobody_stores(health):
    bodies = {"/-/live": {"live": True}, "/-/ready": {"ready": True, "state": "active"}, "/-/release": RELEASE}
    for path, expected in bodies.items():
        status, headers, body = ask(health, path)
        assert (status, json.loads(body)) == (200, expected)
        assert headers == {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
        }


def test_what_is_not_known_below_the_prefix_is_not_found_and_not_the_projects(health):
    status, _, body = ask(health, "/-/secrets")
    assert (status, json.loads(body)) == (404, {"error": "expected /-/live, /-/ready, /-/release or /-/metrics"})


@pytest.mark.parametrize("path", ["/", "/-", "/-x/live", "//-/live", "/x/-/live", "/-%2Flive"])
def test_the_projects_own_paths_are_its_own(health, path):
    assert ask(health, path) == (200, {"X-From": "project"}, path.encode())


def test_the_project_gets_the_request_as_it_came(health):
    environ = {"PATH_INFO": "/loans", "HTTP_X_FORWARDED_FOR": "203.0.113.9"}
    seen = []
    answer = object()

    def application(given, start_response):
        seen.append((given, start_response))
        return answer

    start_response = object()
    assert wrap(application, health)(environ, start_response) is answer
    assert seen[0][0] is environ
    assert seen[0][1] is start_response
    assert environ == {"PATH_INFO": "/loans", "HTTP_X_FORWARDED_FOR": "203.0.113.9"}


@pytest.mark.parametrize("client", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "localhost:8000", "[::1]:8000", ""])
def test_who_asks_on_this_host_learns_the_release(health, client, host):
    assert status_of(health, "/-/release", client, host) == 200


@pytest.mark.parametrize("client", ["203.0.113.9", "10.0.0.1", "::ffff:203.0.113.9", "2001:db8::1", "unknown"])
def test_who_asks_from_elsewhere_does_not(health, client):
    status, _, body = ask(health, "/-/release", client)
    assert status == 403
    assert json.loads(body) == {"error": "only from loopback, or with the health token"}


@pytest.mark.parametrize("host", ["office.example", "127.0.0.1.office.example", "localhost.example:80", "[::2]:80"])
def test_a_proxy_on_this_host_that_passes_the_name_on_is_not_loopback(health, host):
    assert status_of(health, "/-/release", "127.0.0.1", host) == 403


@pytest.mark.parametrize(
    "header", ["forwarded", "via", "x_forwarded_for", "x_forwarded_host", "x_forwarded_proto", "x_real_ip"]
)
def test_a_proxy_on_this_host_that_says_so_is_not_loopback(health, header):
    assert status_of(health, "/-/release", **{header: "127.0.0.1"}) == 403


def test_on_a_unix_socket_it_matters_who_is_behind_it(standing):
    assert status_of(made(standing), "/-/release", "", "localhost") == 200
    proxied = made(standing, behind_proxy=True)
    assert status_of(proxied, "/-/release", "", "localhost") == 403
    assert status_of(proxied, "/-/release", "127.0.0.1", "localhost") == 403
    assert status_of(proxied, "/-/release", "", "localhost", authorization="Bearer the token") == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_token_opens_from_anywhere(health, scheme):
    asked = {"x_forwarded_for": "203.0.113.9", "authorization": f"{scheme} the token"}
    assert status_of(health, "/-/release", "10.0.0.1", "office.example", **asked) == 200


@pytest.mark.parametrize(
    "given", ["Bearer the toke", "Bearer the token2", "Bearer ", "Bearer", "the token", "Basic the token", "Bearer é"]
)
def test_what_is_not_the_token_does_not(health, given):
    assert status_of(health, "/-/release", "10.0.0.1", authorization=given) == 403


@pytest.mark.parametrize("given", ["Bearer ", "Bearer None", "Bearer"])
def test_where_there_is_no_token_none_opens(standing, given):
    assert status_of(made(standing, token=None), "/-/release", "10.0.0.1", authorization=given) == 403


def test_the_token_is_compared_in_constant_time(health, monkeypatch):
    compared = []
    monkeypatch.setattr(hmac, "compare_digest", lambda *both: compared.append(both) or True)
    assert status_of(health, "/-/release", "10.0.0.1", authorization="Bearer wrong") == 200
    assert compared == [(b"wrong", b"the token")]


def test_a_server_that_is_not_ready_says_why_and_is_live_all_the_same(health, standing):
    for state, problem, reason in [
        ("starting", 0, "starting"),
        ("draining", 0, "draining"),
        ("active", UNREACHABLE, "the database does not answer"),
    ]:
        standing.tell(state, problem)
        status, _, body = ask(health, "/-/ready", "203.0.113.9", "office.example")
        assert (status, json.loads(body)) == (503, {"ready": False, "state": state, "reason": reason})
        assert status_of(health, "/-/live", "203.0.113.9", "office.example") == 200
        assert json.loads(ask(health, "/-/release")[2])["state"] == state
    standing.tell("standby")
    assert json.loads(ask(health, "/-/ready")[2]) == {"ready": True, "state": "standby"}


def test_metrics_are_text_for_whoever_may_ask_for_the_release(standing, health):
    status, headers, body = ask(health, "/-/metrics")
    assert (status, body) == (200, b"tandem_up 1\n")
    assert headers == {
        "Content-Type": "text/plain; version=0.0.4; charset=utf-8",
        "Content-Length": "12",
        "Cache-Control": "no-store",
    }
    assert status_of(health, "/-/metrics", "10.0.0.1", "office.example") == 403
    assert status_of(health, "/-/metrics", "10.0.0.1", "office.example", authorization="Bearer the token") == 200
    status, _, body = ask(made(standing, metrics=lambda: None), "/-/metrics")
    assert (status, json.loads(body)) == (503, {"error": "nothing was measured yet"})


@pytest.fixture(params=["port", "unix"])
def served(request, health, tmp_path_factory):
    """A HealthServer; a function that asks it."""
    if request.param == "port":
        listening = socket.create_server(("127.0.0.1", 0))
        to = listening.getsockname()
    else:
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(tmp_path_factory.mktemp("s") / "s"))
        listening.listen()
        to = listening.getsockname()
    server = HealthServer(listening, health)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()

    def get(path, **headers):
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(listening.family)
        connection.sock.settimeout(5)
        connection.sock.connect(to)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, dict(answer.getheaders()), json.loads(body)

    yield get
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_server_without_pages_answers_the_same_on_a_socket_of_its_own(served, standing, capfd):
    status, headers, body = served("/-/release?a=b")
    assert (status, body) == (200, RELEASE)
    assert headers["Content-Type"] == "application/json"
    assert headers["Cache-Control"] == "no-store"
    assert int(headers["Content-Length"]) == len(json.dumps(body))
    assert served("/-/live")[::2] == (200, {"live": True})
    assert served("/")[0] == 404
    assert served("/-/release", **{"X-Forwarded-For": "127.0.0.1"})[0] == 403
    assert served("/-/release", **{"X-Forwarded-For": "127.0.0.1", "Authorization": "Bearer the token"})[0] == 200
    standing.tell("draining")
    assert served("/-/ready")[::2] == (503, {"ready": False, "state": "draining", "reason": "draining"})
    assert capfd.readouterr() == ("", "")
