"""The tutorial, done from its first line to its last."""

import shutil

import pytest

from tests import office as offices
from tests.docs.pages import Reader, blocks


@pytest.fixture
def reader(tmp_path):
    ports = {"127.0.0.1:8000": f"127.0.0.1:{offices.free_port()}", "127.0.0.1:8001": f"127.0.0.1:{offices.free_port()}"}
    one = Reader(tmp_path, ports)
    yield one
    one.close()
    shutil.rmtree(tmp_path / ".tandem", ignore_errors=True)


def test_the_tutorial_works_as_it_is_written(reader):
    *steps, last = blocks("docs/tutorial.md")
    for block in steps:
        reader.follow(block)
    assert reader.terminal.interrupt() == 0
    reader.printed = reader.terminal.printed
    reader.follow(last)
