import os

import pytest

from tests import office as offices

LENDOFFICE = offices.ROOT / "example" / "lendoffice"


@pytest.fixture
def lendoffice(tmp_path):
    """The lending office, with an empty database of its own."""
    name = f"lendoffice_{os.getpid()}"
    one = offices.Office(tmp_path / "lendoffice", offices.make_database(name), project=LENDOFFICE)
    yield one
    one.close()
    offices.drop_database(name)
