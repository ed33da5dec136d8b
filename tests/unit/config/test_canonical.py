"""The same settings give the same text and digest, wherever and whenever; other settings another."""

import os
import re
import subprocess
import sys
from collections import OrderedDict
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path, PurePosixPath

import pytest
from django.utils.translation import gettext_lazy

from django_tandem.config.canonical import canonical, digest


def some_callable():
    pass


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (1.5, 1.5),
        ("/srv/office/media", "<root>/media"),
        (Path("/srv/office"), "<root>"),
        (PurePosixPath("/var/lib"), "/var/lib"),
        (gettext_lazy("Office"), "Office"),
        ((1, [2]), [1, [2]]),
        ({"b": 1, 2: "/srv/office"}, {"2": "<root>", "b": 1}),
        ({"b", "a"}, ["a", "b"]),
        (frozenset([3, 1]), [1, 3]),
        (Decimal("1.10"), "Decimal('1.10')"),
        (timedelta(days=1), "datetime.timedelta(days=1)"),
        (date(2027, 1, 31), "datetime.date(2027, 1, 31)"),
        (time(6), "datetime.time(6, 0)"),
        (re.compile("^/a"), "re:^/a"),
        (some_callable, f"{__name__}.some_callable"),
        (Decimal, "decimal.Decimal"),
        (object(), "builtins.object"),
    ],
)
def test_values_as_json(value, expected):
    assert canonical(value, "/srv/office") == expected


def test_bytes_are_told_apart_without_being_told():
    assert canonical(b"sesame", "/") == canonical(b"sesame", "/") != canonical(b"sesam", "/")
    assert "sesame" not in canonical(b"sesame", "/")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sqlite:////app/db", "sqlite:///<root>/db"),
        ("/app:/app/lib", "<root>:<root>/lib"),
        ("/application/x", "/application/x"),
        ("/app-2/x", "/app-2/x"),
        ("/app.old", "/app.old"),
        ("/data/app/x", "/data/app/x"),
    ],
)
def test_only_the_project_s_own_folder_is_written_as_root(text, expected):
    assert canonical(text, "/app") == expected


def test_equal_settings_have_equal_digests_in_any_order_and_folder():
    here = {"A": 1, "B": {"x": "/r/1/media", "y": {1, 2}}, "C": OrderedDict(b=1, a=2)}
    there = {"C": {"a": 2, "b": 1}, "B": {"y": {2, 1}, "x": "/r/22/media"}, "A": 1}
    assert digest(here, "/r/1") == digest(there, "/r/22")
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", digest(here, "/r/1"))


@pytest.mark.parametrize(
    "other",
    [
        {"A": 2},
        {"A": "1"},
        {"A": True},
        {"A": None},
        {"A": 1, "B": 1},
        {"a": 1},
        {"A": [1]},
        {},
        {"A": datetime(2027, 1, 1, tzinfo=timezone.utc)},
    ],
)
def test_a_difference_gives_another_digest(other):
    assert digest(other, "/") != digest({"A": 1}, "/")


def test_another_process_with_another_hash_seed_computes_the_same():
    program = (
        "from django_tandem.config.canonical import digest; import pathlib;"
        "print(digest({'A': {'x', 'y', 'z', 1, None}, 'B': pathlib.Path('/r'), 'C': {'k', 'l'}, 'D': print}, '/r'))"
    )
    asked = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    ]
    assert len(set(asked)) == 1
