"""`tandem`: what every command has in common: help, one-line errors, exit codes."""

import sys

import click
import pytest

from django_tandem import errors
from django_tandem.cli import main

NEED_A_PROJECT = [
    ("alarms",),
    ("audit",),
    ("approve", "1"),
    ("check",),
    ("config", "show", "async"),
    ("config", "diff"),
    ("config", "digest"),
    ("locks", "list"),
    ("manage", "migrate"),
    ("pipeline", "list"),
    ("pipeline", "show", "1"),
    ("pipeline", "log", "1"),
    ("pipeline", "cancel", "1"),
    ("pipeline", "notify", "chat"),
    ("pipeline", "hook", "install"),
    ("pipeline", "hook", "remove"),
    ("pipeline", "watch"),
    ("pipeline", "resume"),
    ("queues", "drain", "default"),
    ("queues", "list"),
    ("queues", "pause", "default"),
    ("queues", "resume", "default"),
    ("reject", "1"),
    ("release", "activate", "r2"),
    ("release", "current"),
    ("release", "list"),
    ("release", "retire", "r1"),
    ("rollback",),
    ("schedules", "list"),
    ("schedules", "run", "nightly"),
    ("schedules", "pause", "nightly"),
    ("schedules", "resume", "nightly"),
    ("serve", "async"),
    ("servers", "drain", "7"),
    ("servers", "list"),
    ("servers", "prove"),
    ("servers", "start"),
    ("servers", "stop", "7"),
    ("ship",),
    ("status",),
    ("tasks", "list"),
    ("tasks", "show", "1"),
    ("tasks", "enqueue", "office.tasks.write"),
    ("tasks", "cancel", "1"),
    ("tasks", "retry", "1"),
    ("tasks", "reencrypt"),
    ("tasks", "pause", "office.tasks.write"),
    ("tasks", "resume", "office.tasks.write"),
    ("top",),
    ("up",),
]


def commands(group=main.tandem, words=("tandem",)):
    """Every group and command, by its words."""
    yield words, group
    if isinstance(group, click.Group):
        context = click.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            yield from commands(command, (*words, name))


def test_the_commands_that_tests_speak_of_are_all_there_are():
    leaves = {words[1:] for words, command in commands() if not isinstance(command, click.Group)}
    spoken_of = {words[:count] for words in NEED_A_PROJECT for count in range(1, len(words) + 1)}
    assert leaves <= spoken_of
    assert all(any(words[: len(leaf)] == leaf for leaf in leaves) for words in NEED_A_PROJECT)


def test_every_command_and_option_says_what_it_is_for():
    for words, command in commands():
        assert (command.help or "").partition("\n")[0].endswith("."), words
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert (parameter.help or "").endswith("."), (words, parameter.name)


def test_help_and_version(run):
    done = run("-h")
    assert (done.returncode, done.stderr) == (0, "")
    for name in main.COMMANDS:
        assert f"\n  {name} " in done.stdout
    assert run("--version").stdout.startswith("tandem, version ")
    assert run("tasks", "enqueue", "--help").stdout.startswith("Usage: tandem tasks enqueue [OPTIONS] TASK\n")


def test_a_mistyped_command_is_code_2(run):
    for words in (("chekc",), ("tasks", "lits"), ("status", "--jsn"), ("tasks", "list", "--limit", "0")):
        done = run(*words)
        assert (done.returncode, done.stdout) == (2, ""), words
        assert "Error: " in done.stderr


@pytest.mark.parametrize("words", NEED_A_PROJECT, ids=" ".join)
def test_without_a_project_every_command_says_where_it_looked(run, tmp_path, words):
    done = run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"tandem: there is no tandem.toml in {tmp_path} or above it: go to the project, or set TANDEM_CONFIG\n"
    )


def test_a_file_that_is_wrong_is_told_line_by_line(tandem, tmp_path):
    path = tmp_path / "tandem.toml"
    path.write_text(path.read_text() + "thread = 3\ndrain = 0\n")
    done = tandem("status")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "tandem: tandem.toml: roles.async.drain: 0, expected more than 0",
        "tandem: tandem.toml: roles.async.thread: unknown key, expected threads",
    ]
    path.write_text("[app\n")
    (line,) = tandem("status").stderr.splitlines()
    assert line.startswith(f"tandem: {path}: not TOML: ")


def test_the_file_may_be_named(tandem, run, tmp_path, monkeypatch):
    named = tmp_path / "other.toml"
    (tmp_path / "tandem.toml").rename(named)
    assert run("config", "show", "asink").stderr.startswith("tandem: there is no tandem.toml")
    expected = f"tandem: role asink is not in {named}: expected async\n"
    assert run("config", "show", "asink", "--config", str(named)).stderr == expected
    monkeypatch.setenv("TANDEM_CONFIG", str(named))
    assert run("config", "show", "asink").stderr == expected
    done = run("config", "show", "asink", "--config", "nowhere.toml")
    assert (done.returncode, done.stderr) == (
        2,
        "tandem: nowhere.toml: no such file, expected the path of a tandem.toml\n",
    )


@pytest.mark.parametrize("words", [("config", "show"), ("config", "diff", "async"), ("serve",)], ids=" ".join)
def test_an_unknown_role_is_told_with_those_that_are_there(tandem, tmp_path, words):
    done = tandem(*words, "asink")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"tandem: role asink is not in {tmp_path / 'tandem.toml'}: expected async\n"


CODES = {
    errors.TandemError("failed"): 1,
    errors.PortTaken("taken"): 1,
    errors.DatabaseUnreachable("away"): 1,
    errors.NotMigrated("missing"): 1,
    errors.JobNotFound("gone"): 1,
    errors.ConfigurationError(["one", "two"]): 2,
    errors.SettingsNotImportable(["broken"]): 2,
    errors.InvalidJob("no job"): 2,
    errors.NotJson("no JSON"): 2,
    errors.Refused("refused"): 3,
    errors.FenceHeld("held"): 3,
    errors.RunNotFound("no run"): 2,
    errors.ReleaseNotFound("no release"): 2,
    errors.PipelineBusy("busy"): 3,
    errors.RunMoved("moved"): 3,
    errors.GateClosed("closed"): 3,
    errors.NoticeFailed("untold"): 1,
    errors.AnotherDrives("locked"): 3,
    errors.DriverReplaced("lost"): 3,
}


@pytest.mark.parametrize("error", CODES, ids=lambda error: type(error).__name__)
def test_an_error_ends_with_its_code_and_a_line_for_each_problem(run, monkeypatch, error):
    def fail():
        raise error

    monkeypatch.setattr(sys.modules[__name__], "failing", click.Command("failing", callback=fail), raising=False)
    monkeypatch.setattr(main, "COMMANDS", {"failing": f"{__name__}:failing"})
    done = run("failing")
    assert (done.returncode, done.stdout) == (CODES[error], "")
    assert done.stderr.splitlines() == [f"tandem: {line}" for line in str(error).splitlines()]
