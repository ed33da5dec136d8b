"""Commands in this process: its Django, which stands for the project's, cannot be set up twice with other settings."""

import sys
from typing import NamedTuple

import pytest

from django_tandem.cli.main import main
from tests.integration.queue.conftest import (  # noqa: F401 - fixtures
    database,
    hand,
    server,
    transactional_db,
    use_keys,
)


class Done(NamedTuple):
    """What a command did: its exit code, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run `tandem …` in this process, in a folder of its own in which there is no tandem.toml."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tests.settings")
    monkeypatch.setenv("TANDEM_RELEASE", "test")
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("TANDEM_CONFIG", "TANDEM_ROLE", "TANDEM_DATABASE_URL"):
        monkeypatch.setenv(name, "")

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["tandem", *words])
        with pytest.raises(SystemExit) as left:
            main()
        return Done(left.value.code or 0, *capsys.readouterr())

    return run


@pytest.fixture
def tandem(run, tmp_path):
    """Run `tandem …` in this process, in a project."""
    text = '[app]\nname = "office"\nsettings = "tests.settings"\n[roles.backoffice]\n[roles.async]\n'
    (tmp_path / "tandem.toml").write_text(text)
    return run
