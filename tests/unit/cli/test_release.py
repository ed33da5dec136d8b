"""The arguments of `tandem release`."""

import pytest
from click.testing import CliRunner

from django_tandem.cli.release import release


@pytest.mark.parametrize("command", ["activate", "retire"])
def test_a_release_has_a_name(command):
    done = CliRunner().invoke(release, [command, " "])
    assert done.exit_code == 2
    assert "expected the name of a release" in done.stderr
