import re
from importlib.resources import files
from pathlib import Path

import pytest

import django_tandem.queue
from django_tandem.queue.statements import statement, statements

STEPS = sorted(file.name.removesuffix(".sql") for file in (files("django_tandem.queue") / "sql").iterdir())
SOURCE = "".join(path.read_text() for path in Path(django_tandem.queue.__path__[0]).glob("*.py"))


def test_a_statement_is_found_by_step_and_name_with_its_reason_and_without_its_end():
    found = statement("fence", "take_if_empty")
    assert found.startswith(b"UPDATE tandem_fence")
    assert not found.rstrip().endswith(b";")
    assert statement("claim", "release").startswith(b"-- Claimed but not begun")


def test_what_is_not_there_is_a_key_error():
    with pytest.raises(KeyError, match="nothing"):
        statement("fence", "nothing")


@pytest.mark.parametrize("step", STEPS)
def test_every_statement_of_a_file_is_one_statement_and_used(step):
    assert statements(step)
    for name, sql in statements(step).items():
        assert b";" not in re.sub(rb"--.*", b"", sql), f"{step}.{name} is more than one statement"
        called = f'"{step}", "{name}"' in SOURCE or (step in ("fence", "schedules") and f'"{name}"' in SOURCE)
        assert called, f"nobody uses {step}.{name}"
