"""`tandem manage`: the project's own management commands, with the settings of a role."""

import pytest

COMMAND = """
import os
from django.conf import settings
from django.core.management import BaseCommand, CommandError

class Command(BaseCommand):
    requires_system_checks = []

    def add_arguments(self, parser):
        parser.add_argument("--config")
        parser.add_argument("--json", action="store_true")
        parser.add_argument("floors", nargs="*")

    def handle(self, config, floors, **options):
        if "roof" in floors:
            raise CommandError("no desk on the roof")
        print(config, options["json"], floors, settings.DATABASES["default"].get("CONN_MAX_AGE", 0), os.getcwd())
"""


@pytest.fixture
def desks(office):
    """The office, with a management command `desks` of its own."""
    folder = office.folder / "office" / "management" / "commands"
    folder.mkdir(parents=True)
    (folder / "desks.py").write_text(COMMAND)
    return office


def test_a_command_has_its_own_options_and_the_settings_of_a_role(desks):
    done = desks.tandem("manage", "desks", "--config", "of its own", "--json", "1", "2", TANDEM_ROLE="async")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"of its own True ['1', '2'] 600 {desks.folder}\n"


def test_without_a_role_it_has_what_all_share(desks):
    named = desks.folder / "tandem.toml"
    done = desks.tandem("manage", "--config", str(named), "desks")
    assert (done.returncode, done.stdout) == (0, f"None False [] 0 {desks.folder}\n")


def test_what_a_command_fails_with_is_one_line(desks):
    done = desks.tandem("manage", "desks", "roof")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "CommandError: no desk on the roof\n")


def test_an_unknown_role_or_command_is_refused(desks):
    done = desks.tandem("manage", "desks", TANDEM_ROLE="asink")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"tandem: role asink is not in {desks.folder / 'tandem.toml'}: expected async\n"

    done = desks.tandem("manage", "desk")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[0] == "Unknown command: 'desk'. Did you mean desks?"


def test_help_is_the_command_s(desks):
    done = desks.tandem("manage", "desks", "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: tandem manage desks ")
    assert "--config CONFIG" in done.stdout
