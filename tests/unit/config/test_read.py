"""Where tandem.toml is found, and what the environment says beside it."""

import subprocess

import pytest

from django_tandem.config.read import check_role, read, role_environment
from django_tandem.errors import ConfigurationError

ROLES = "[roles.backoffice]\n[roles.async]\n"


def refusal(path=None, **environ):
    """The one line that read() refuses with."""
    with pytest.raises(ConfigurationError) as caught:
        read(path, environ)
    (line,) = caught.value.problems
    return line


def test_the_file_is_here_or_in_the_nearest_folder_above(write, tmp_path, monkeypatch):
    path = write(ROLES)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert read(environ={}).path == path

    (below.parent / "tandem.toml").write_text(path.read_text())
    assert read(environ={}).path == below.parent / "tandem.toml"
    assert read(environ={}).root == below.parent


def test_a_path_goes_before_the_environment_and_that_before_the_folder(write, tmp_path, monkeypatch):
    here = write(ROLES)
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    for path in (first, second):
        path.write_text(here.read_text())
    monkeypatch.chdir(tmp_path)

    assert read(first, {"TANDEM_CONFIG": str(second)}).path == first
    assert read(environ={"TANDEM_CONFIG": str(second)}).path == second
    assert read(environ={"TANDEM_CONFIG": "second.toml"}).path == second
    assert read(environ={"TANDEM_CONFIG": ""}).path == here


def test_a_link_to_the_file_means_the_folder_that_it_leads_to(write, tmp_path):
    path = write(ROLES)
    link = tmp_path / "current"
    link.symlink_to(tmp_path)
    assert read(link / "tandem.toml", {}).root == path.parent


def test_no_file_is_told_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert refusal() == f"there is no tandem.toml in {tmp_path} or above it: go to the project, or set TANDEM_CONFIG"
    missing = tmp_path / "nowhere.toml"
    assert refusal(missing) == f"{missing}: no such file, expected the path of a tandem.toml"
    assert refusal(TANDEM_CONFIG=str(missing)) == f"{missing}: no such file, expected the path of a tandem.toml"


def test_what_is_not_toml_is_told_with_its_place(write):
    path = write("[roles.async\n")
    assert refusal(path).startswith(f"{path}: not TOML: ")
    assert "line 4" in refusal(path)
    path.write_bytes(b"\xff\xfe")
    assert refusal(path).startswith(f"{path}: cannot be read: ")


def test_the_release_is_named_by_the_environment_else_by_the_commit(write, tmp_path):
    path = write(ROLES)
    assert read(path, {"TANDEM_RELEASE": "r7"}).release == "r7"
    assert read(path, {}).release == "unversioned"

    def git(*words):
        who = ("-c", "user.name=o", "-c", "user.email=o@office.test", "-c", "commit.gpgsign=false")
        command = ["git", "-C", str(tmp_path), *who, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet")
    assert read(path, {}).release == "unversioned"
    git("commit", "--quiet", "--allow-empty", "--message", "first")
    assert read(path, {}).release == git("rev-parse", "HEAD")[:12]
    assert read(path, {"TANDEM_RELEASE": ""}).release == git("rev-parse", "HEAD")[:12]
    assert read(path, {"TANDEM_RELEASE": "r7"}).release == "r7"


def test_secrets_of_the_environment_do_not_show_when_the_configuration_is_printed(configured):
    tandem = configured(ROLES, TANDEM_DATABASE_URL="postgresql://o:sesame@db/o", TANDEM_HEALTH_TOKEN="sesame")
    assert tandem.database_url.get_secret_value() == "postgresql://o:sesame@db/o"
    assert tandem.health_token.get_secret_value() == "sesame"
    assert "sesame" not in f"{tandem} {tandem!r} {tandem.model_dump_json()}"


def test_a_value_is_taken_from_the_variable_that_is_named(configured, told):
    text = '[roles.async.environment]\nPGUSER = "tasks"\nPGPASSWORD = { from_env = "TASKS_PASSWORD" }\n'
    tandem = configured(text, TASKS_PASSWORD="sesame")
    environ = {"TASKS_PASSWORD": "sesame", "OTHER": "x"}
    assert role_environment(tandem, "async", environ) == {"PGUSER": "tasks", "PGPASSWORD": "sesame"}
    assert told(text) == [
        "tandem.toml: roles.async.environment.PGPASSWORD: the environment variable TASKS_PASSWORD is not set"
    ]


def test_an_unknown_role_is_told_with_those_that_are_there(configured):
    tandem = configured(ROLES)
    check_role(tandem, "async")
    with pytest.raises(ConfigurationError) as caught:
        check_role(tandem, "asink")
    assert str(caught.value) == f"role asink is not in {tandem.path}: expected async"
    with pytest.raises(ConfigurationError, match=r"expected one of async, backoffice$"):
        check_role(tandem, "zebra")
