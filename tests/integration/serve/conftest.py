"""Servers of the small project, and work for them."""

import os
import signal
import tempfile
from pathlib import Path

import pytest

from tests.integration.serve.servers import Server
from tests.integration.serve.work import Work
from tests.office import Office, free_port


@pytest.fixture
def work(office):
    return Work(office)


@pytest.fixture
def back_office(office):
    """Starts the Back Office and waits until it is ready."""
    return lambda **environment: Server(office, "backoffice", office.port, **environment).ready()


@pytest.fixture
def async_server(office):
    """Starts an Async Server and waits until it is ready; each has a health port of its own, as on another host."""

    def start(**environment):
        port = free_port()
        file = office.folder / f"tandem-{port}.toml"
        file.write_text((office.folder / "tandem.toml").read_text().replace(f":{office.health_port}", f":{port}"))
        return Server(office, "async", port, TANDEM_CONFIG=str(file), **environment).ready()

    return start


@pytest.fixture
def open_folder():
    """Not below pytest's own folder: every pytest that starts closes that one to other users, and where root runs the
    tests an embedded PostgreSQL is another user."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture
def bare_office(open_folder):
    """The small project before its first day: nothing says where its database is."""
    one = Office(open_folder / "office", None)
    yield one
    one.close()
    left = one.folder / ".tandem" / "postgres" / "postmaster.pid"
    if left.exists():  # its `tandem up` was killed
        os.kill(int(left.read_text().split()[0]), signal.SIGQUIT)
