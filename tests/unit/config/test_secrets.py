"""Passwords inside texts do not show; what is around them does."""

import pytest

from django_tandem.config.secrets import mask


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://office:sesame@db:5432/office", "postgresql://office:********@db:5432/office"),
        ("redis://:sesame@cache/0", "redis://:********@cache/0"),
        ("amqp://office:se@sa/me:#?@mq//", "amqp://office:********@mq//"),
        ("one redis://:sesame@a and redis://:sesame@b", "one redis://:********@a and redis://:********@b"),
        ("host=db user=office password=sesame dbname=office", "host=db user=office password=******** dbname=office"),
        (r"password='se sa\'me' host=db", "password=******** host=db"),
        ("Server=db;Pwd=sesame;Database=office", "Server=db;Pwd=********;Database=office"),
        ("sslpassword = sesame", "sslpassword=********"),
        ("https://host/db?user=office&password=sesame&x=1", "https://host/db?user=office&password=********&x=1"),
    ],
)
def test_a_password_is_masked(text, shown):
    assert mask(text) == shown


@pytest.mark.parametrize(
    "text",
    ["https://office.test:8000/media/", "office@office.test", "unix:/run/office.sock", "//office@host/", "a: b@c", ""],
)
def test_a_text_without_one_stays_as_it_is(text):
    assert mask(text) == text
