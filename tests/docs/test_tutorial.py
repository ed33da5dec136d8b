"""The tutorial, done from its first line to its last."""

import json
import shutil

import pytest

from django_tandem.release.hosts import on_host
from tests import office as offices
from tests.docs.pages import Reader, blocks


@pytest.fixture
def reader(tmp_path):
    ports = {"127.0.0.1:8000": f"127.0.0.1:{offices.free_port()}", "127.0.0.1:8001": f"127.0.0.1:{offices.free_port()}"}
    one = Reader(tmp_path, ports)
    one.variables["TANDEM_TRIAL_DATABASE_URL"] = offices.SERVER  # or each trial makes a PostgreSQL of its own
    yield one
    one.close()
    on_host.end(tmp_path / ".tandem")
    shutil.rmtree(tmp_path / ".tandem", ignore_errors=True)


def test_the_tutorial_works_as_it_is_written(reader):
    for block in blocks("docs/tutorial.md"):
        reader.follow(block)
        if block.text.startswith("git rev-parse"):
            commit, *told = reader.printed.replace("}{", "}\n{").splitlines()
            assert [json.loads(one)["release"] for one in told] == [commit] * 2
    assert on_host.end(reader.folder / ".tandem") == {"ended": None}
