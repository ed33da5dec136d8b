import re
from importlib.resources import files
from pathlib import Path

import pytest

from django_tandem.queue.job import Job
from django_tandem.queue.statements import statement, statements

PACKAGES = ("django_tandem.queue", "django_tandem.pipeline", "django_tandem.monitor")
STEPS = [
    (package, file.name.removesuffix(".sql"))
    for package in PACKAGES
    for file in sorted((files(package) / "sql").iterdir(), key=lambda file: file.name)
]
SOURCES = {
    package: "".join(path.read_text() for path in sorted(Path(str(files(package))).rglob("*.py")))
    for package in PACKAGES
}
# Whose statements are named by a parameter.
BY_NAME = ("fence", "schedules", "run", "release", "audit", "overview", "series")


def test_a_statement_is_found_by_step_and_name_with_its_reason_and_without_its_end():
    found = statement("fence", "take_if_empty")
    assert found.startswith(b"UPDATE tandem_fence")
    assert not found.rstrip().endswith(b";")
    assert statement("claim", "release").startswith(b"-- Claimed but not begun")


def test_what_is_not_there_is_a_key_error():
    with pytest.raises(KeyError, match="nothing"):
        statement("fence", "nothing")


@pytest.mark.parametrize(("package", "step"), STEPS)
def test_every_statement_of_a_file_is_one_statement_and_used(package, step):
    assert statements(step, package)
    for name, sql in statements(step, package).items():
        assert b";" not in re.sub(rb"--.*", b"", sql), f"{step}.{name} is more than one statement"
        source = SOURCES[package]
        called = f'"{step}", "{name}"' in source or (step in BY_NAME and f'"{name}"' in source)
        assert called, f"nobody uses {package}'s {step}.{name}"


CLAIMS = [("claim", "claim"), ("claim", "claim_in_ranges"), ("claim", "claim_at_least"), ("yield", "claim_usual")]


@pytest.mark.parametrize(("step", "name"), CLAIMS)
def test_what_a_claim_returns_is_a_job(step, name):
    returned = statement(step, name).decode().rpartition("RETURNING")[2]
    assert tuple(returned.replace(",", " ").split()) == Job._fields
