import os
import socket
import stat

import psutil
import pytest

from django_tandem.errors import PortTaken
from django_tandem.processes import sockets
from django_tandem.processes.sockets import listen


@pytest.fixture
def listening():
    """Sockets that the test made, closed at its end."""
    made = []

    def make(where):
        made.append(listen(where, "roles.async.health"))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def folder(tmp_path_factory):
    """A short one: a Unix socket's path has at most about 100 characters."""
    made = tmp_path_factory.mktemp("s")
    yield made
    for left in made.iterdir():
        left.unlink()


def taken(where):
    with pytest.raises(PortTaken) as refused:
        listen(where, "roles.async.health").close()
    return str(refused.value)


@pytest.mark.parametrize(("where", "family"), [("127.0.0.1:0", socket.AF_INET), ("[::1]:0", socket.AF_INET6)])
def test_it_listens_on_a_port(listening, where, family):
    one = listening(where)
    assert one.family == family
    with socket.create_connection(one.getsockname()[:2], timeout=5) as client:
        served, _ = one.accept()
        served.sendall(b"hello")
        served.close()
        assert client.recv(5) == b"hello"


def test_a_taken_port_names_who_holds_it_and_what_it_was_for(listening):
    port = listening("127.0.0.1:0").getsockname()[1]
    me = psutil.Process()
    assert taken(f"127.0.0.1:{port}") == (
        f"roles.async.health: 127.0.0.1:{port} is taken by {me.name()} (pid {me.pid}): stop it, or bind elsewhere"
    )


def test_a_port_is_free_again_at_once_though_clients_linger(listening):
    one = listening("127.0.0.1:0")
    port = one.getsockname()[1]
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        one.accept()[0].close()
    one.close()
    listening(f"127.0.0.1:{port}")


@pytest.mark.parametrize("where", ["192.0.2.1:8000", "127.0.0.1:99999", "a..b:8000", "unix:/nowhere/at/all.sock"])
def test_an_address_that_cannot_be_is_told_in_one_line(where):
    told = taken(where)
    assert told.startswith(f"roles.async.health: cannot listen on {where}: ")
    assert "\n" not in told
    assert not told.endswith("None")


def test_a_path_that_is_too_long_is_told_with_the_cause():
    assert "too long" in taken(f"unix:/tmp/{'x' * 200}")


def test_a_unix_socket_is_a_file_until_it_is_removed(listening, folder):
    where = f"unix:{folder}/s"
    listening(where)
    assert stat.S_ISSOCK((folder / "s").stat().st_mode)
    sockets.remove(where)
    assert not (folder / "s").exists()
    sockets.remove(where)
    sockets.remove("127.0.0.1:8000")


def test_a_unix_socket_of_a_server_that_lives_is_refused_and_left_alone(listening, folder):
    where = f"unix:{folder}/s"
    one = listening(where)
    assert "in use" in taken(where)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(os.fspath(folder / "s"))
        one.accept()[0].close()


def test_the_file_of_a_dead_server_is_replaced(listening, folder):
    where = f"unix:{folder}/s"
    listening(where).close()
    assert (folder / "s").exists()
    one = listening(where)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(os.fspath(folder / "s"))
        one.accept()[0].close()


def test_a_file_that_is_no_socket_is_refused_and_left_alone(folder):
    (folder / "s").write_text("a person's")
    assert "cannot listen" in taken(f"unix:{folder}/s")
    assert (folder / "s").read_text() == "a person's"
