"""docs/reference/tandem.toml says what the schema says, names every key of it, and is a file that Tandem reads."""

import re
from typing import get_args

import pytest
from annotated_types import Ge, Le

from django_tandem.config import overlay_rules
from django_tandem.config.read import read, tomllib
from django_tandem.config.schema import (
    App,
    AsyncServer,
    BackOffice,
    Database,
    Event,
    Monitor,
    Notice,
    Overlay,
    Pipeline,
    Queue,
)
from tests.office import ROOT

TEXT = (ROOT / "docs" / "reference" / "tandem.toml").read_text()
KEY = "A" * 43 + "="
TABLES = {
    "app": App,
    "database": Database,
    "queues.default": Queue,
    "overlay": Overlay,
    "pipeline": Pipeline,
    "monitor": Monitor,
    "roles.backoffice": BackOffice,
    "roles.async": AsyncServer,
}


def with_examples(text):
    """The file with its lines `#: ` in use, each in place of the key's default."""
    lines, used, table = [], {}, ""
    for line in text.splitlines():
        line = line.removeprefix("#: ")
        table = line if line.startswith("[") else table
        if match := re.match(r"(\"?\w[\w.]*\"?) = ", line):
            if (table, match[1]) in used:
                lines[used[table, match[1]]] = ""
            used[table, match[1]] = len(lines)
        lines.append(line)
    return "\n".join(lines)


def table(path):
    """A table of the file as it stands."""
    found = tomllib.loads(TEXT)
    for name in path.split("."):
        found = found[name]
    return found


def explanation(path, key):
    """The comment above a key."""
    section = re.search(rf"^\[{re.escape(path)}\]$(.*?)(?=^\[roles|^# ---|\Z)", TEXT, re.MULTILINE | re.DOTALL)
    match = re.search(rf"((?:^# .*\n)+)(?:#: )?{key} = ", section[1], re.MULTILINE)
    assert match, f"{path}.{key} has no explanation"
    return " ".join(match[1].replace("# ", "").split())


@pytest.mark.parametrize("path", TABLES)
def test_every_key_is_written_with_its_default(path):
    written = table(path)
    for key, field in TABLES[path].model_fields.items():
        if field.is_required():
            assert key in written
            assert explanation(path, key).startswith("Required.")
        elif (default := field.get_default(call_default_factory=True)) is None:
            assert key not in written
            assert f"\n#: {key} = " in TEXT
        else:
            assert written[key] == (list(default) if isinstance(default, tuple) else default), f"{path}.{key}"


@pytest.mark.parametrize("path", TABLES)
def test_every_key_is_explained_once_with_its_unit_and_its_bounds(path):
    for key, field in TABLES[path].model_fields.items():
        if key in ("environment", "settings") and path.startswith("roles."):
            assert re.search(rf"^# .*\n\[{re.escape(path)}\.{key}\]$", TEXT, re.MULTILINE), f"{path}.{key}"
            continue
        told = explanation(path, key)
        if path == "roles.async" and told.startswith("As above."):
            told = explanation("roles.backoffice", key)
        if "float" in str(field.annotation):
            assert "econds" in told, f"{path}.{key}"
        if field.annotation is int:
            (low,), (high,) = [[one for one in field.metadata if isinstance(one, bound)] for bound in (Ge, Le)]
            assert f"{low.ge} to {high.le}" in told, f"{path}.{key}"


def test_the_file_configures_as_it_stands_what_the_shortest_would(configured):
    path = ROOT / "docs" / "reference" / "tandem.toml"
    assert read(path, {"TANDEM_RELEASE": "r1"}).file == configured("[roles.backoffice]\n[roles.async]").file


def test_its_examples_are_right(write):
    tandem = read(
        write(with_examples(TEXT), app=""),
        {
            "PAGES_DATABASE_PASSWORD": "sesame",
            "OFFICE_QUEUE_KEYS": KEY,
            "OFFICE_FORMER_QUEUE_KEYS": KEY,
            "OFFICE_CHAT_WEBHOOK": "https://chat.example/services/T0/B0/x",
        },
    )
    file = tandem.file
    assert file.app.wsgi == "office.wsgi.application"
    assert file.overlay.allow
    assert file.roles["async"].queues == ("default", "reports")
    assert set(file.roles) == {"backoffice", "async", "reports"}
    assert tandem.webhooks["chat"].get_secret_value() == "https://chat.example/services/T0/B0/x"
    assert file.notices["pager"].command
    assert all(role.settings for name, role in file.roles.items() if name != "reports")
    assert len(re.findall("^#: ", TEXT, re.MULTILINE)) == len(re.findall("^#:", TEXT, re.MULTILINE))


def test_it_tells_the_list_of_what_roles_may_differ_in():
    told = dict(re.findall(r"^#   ([A-Z]+\.[\w.*]+|environment\.\w+) {2,}(.+)$", TEXT, re.MULTILINE))
    listed = {
        **overlay_rules.SETTINGS,
        **{f"environment.{name}": why for name, why in overlay_rules.ENVIRONMENT.items()},
    }
    assert told == listed


def test_it_tells_every_variable_that_tandem_reads():
    told = set(re.findall(r"^#   (TANDEM_\w+) ", TEXT, re.MULTILINE))
    source = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    read_there = set(re.findall(r"environ(?:\.get\(|\[)\"(TANDEM_\w+)\"", source))
    assert read_there <= told
    assert all(f'"{name}"' in source for name in told)


def test_every_key_of_a_notice_is_explained_beside_its_default():
    section = TEXT.partition("\n#: [notices.chat]\n")[2].partition("# ---")[0]
    for key, field in Notice.model_fields.items():
        match = re.search(rf"(?:^# .*\n)+(?:#: \[.*\]\n)?#: {key} = (.*)", section, re.MULTILINE)
        assert match, f"notices.chat.{key} is not explained"
        if field.default is not None:
            default = list(field.default) if key == "events" else field.default
            assert tomllib.loads(f"it = {match[1]}")["it"] == default
    assert "300" in section
    assert set(get_args(Event)) <= set(re.findall(r'"([\w ]+)"', section))
