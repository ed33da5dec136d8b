"""What tests of several rooms share."""

import itertools
import os

import pytest

from django_tandem.processes import priority
from tests import office as offices

_numbers = itertools.count(1)

# A file is tested by one process (`make test`): those that take longest go first, so that none of them is the last one.
LONGEST = (
    "tests/integration/pipeline/test_ship.py",
    "tests/integration/pipeline/test_failures.py",
    "tests/docs/test_tutorial.py",
    "tests/integration/pipeline/test_watch.py",
    "tests/integration/release/test_trial.py",
    "tests/chaos/test_chaos.py",
    "tests/integration/release/test_migrations.py",
    "tests/integration/queue/test_cut_worker.py",
    "tests/integration/serve/test_up.py",
    "tests/chaos/test_full_disk.py",
    "tests/acceptance/test_dashboard.py",
    "tests/acceptance/test_release.py",
    "tests/docs/test_readme.py",
)


# What Tandem puts behind servers must not wait for the suite's other process.
os.setpriority(os.PRIO_PROCESS, 0, max(priority.NICE, os.getpriority(os.PRIO_PROCESS, 0)))


def pytest_collection_modifyitems(items):
    """Sort files by how long they take; all else stays in its order."""
    order = {path: number for number, path in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.location[0], len(order)))


@pytest.fixture(scope="session")
def office_template(tmp_path_factory):
    """A database in which the small project's migrations have been applied."""
    url = offices.make_database(offices.TEMPLATE)
    office = offices.Office(tmp_path_factory.mktemp("template") / "office", url)
    migrated = office.tandem("manage", "migrate")
    assert migrated.returncode == 0, migrated.stderr
    yield offices.TEMPLATE
    offices.drop_database(offices.TEMPLATE)


@pytest.fixture
def office(tmp_path, office_template):
    """The small project with a migrated database of its own."""
    name = f"office_{os.getpid()}_{next(_numbers)}"
    one = offices.Office(tmp_path / "office", offices.make_database(name, office_template))
    yield one
    one.close()
    offices.drop_database(name)


@pytest.fixture
def bare_office(tmp_path):
    """The small project before its first day: nothing says where its database is."""
    one = offices.Office(tmp_path / "office", None)
    yield one
    one.close()
