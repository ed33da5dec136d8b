"""A tandem.toml of each test's own, in a folder of its own."""

import pytest

from django_tandem.config.read import read
from django_tandem.errors import ConfigurationError

APP = '[app]\nname = "office"\nsettings = "office.settings"\n'


@pytest.fixture
def write(tmp_path):
    """Write tandem.toml: `[app]`, which the tests do not vary, and `text`. Its path."""

    def written(text, app=APP):
        path = tmp_path / "tandem.toml"
        path.write_text(app + text)
        return path

    return written


@pytest.fixture
def configured(write):
    """The configuration that `text` gives, with nothing in the environment but `environ`."""

    def configured(text, **environ):
        return read(write(text), {"TANDEM_RELEASE": "r1", **environ})

    return configured


@pytest.fixture
def told(write):
    """What an operator is told about `text`, line by line."""

    def told(text, app=APP, **environ):
        with pytest.raises(ConfigurationError) as caught:
            read(write(text, app), environ)
        return str(caught.value).splitlines()

    return told
