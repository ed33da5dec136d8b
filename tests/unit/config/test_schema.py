"""What tandem.toml gives: frozen objects, with defaults where it says nothing."""

import pytest
from pydantic import ValidationError

from django_tandem.config.schema import AsyncServer, BackOffice, Queue


def test_the_shortest_file_has_one_queue_and_the_defaults_of_both_kinds(configured):
    file = configured("[roles.backoffice]\n[roles.async]").file
    assert file.queues == {"default": Queue()}
    assert file.roles == {"backoffice": BackOffice(), "async": AsyncServer()}
    assert file.database.alias == "default"
    assert file.overlay.allow == ()


def test_a_role_of_the_project_s_own_says_its_kind(configured):
    roles = configured('[roles.reports]\nkind = "async"\n[roles.staff]\nkind = "backoffice"').file.roles
    assert isinstance(roles["reports"], AsyncServer)
    assert isinstance(roles["staff"], BackOffice)


def test_a_built_in_name_may_be_given_to_the_other_kind(configured):
    assert isinstance(configured('[roles.async]\nkind = "backoffice"').file.roles["async"], BackOffice)


def test_what_was_read_does_not_change(configured):
    tandem = configured("[roles.async]")
    with pytest.raises(ValidationError, match="frozen"):
        tandem.release = "r2"
    with pytest.raises(ValidationError, match="frozen"):
        tandem.file.roles["async"].threads = 8


def test_a_role_that_names_no_queues_consumes_all(configured):
    tandem = configured(
        '[queues.default]\n[queues.mail]\n[roles.async]\n[roles.mails]\nkind = "async"\nqueues = ["mail"]'
    )
    assert tandem.queues_of(tandem.file.roles["async"]) == ("default", "mail")
    assert tandem.queues_of(tandem.file.roles["mails"]) == ("mail",)


def test_the_alias_of_the_database_is_the_file_s(configured):
    assert configured('[database]\nalias = "tandem"\n[roles.async]').alias == "tandem"


@pytest.mark.parametrize(
    "address", ["127.0.0.1:8000", "0.0.0.0:80", "office.test:8000", "[::1]:8000", "[fe80::1]:65535", "unix:/run/o.sock"]
)
def test_addresses_that_a_server_can_listen_on(configured, address):
    assert configured(f'[roles.async]\nhealth = "{address}"').file.roles["async"].health == address


@pytest.mark.parametrize("address", ["8000", ":8000", "127.0.0.1", "host:port", "http://h:80", "::1:80", "unix:a", ""])
def test_addresses_that_no_server_can_listen_on(told, address):
    assert told(f'[roles.async]\nhealth = "{address}"') == [
        f"tandem.toml: roles.async.health: {address!r}, expected HOST:PORT or unix:/path"
    ]


def test_seconds_may_be_whole_or_not(configured):
    roles = configured("[roles.async]\ndrain = 10\n[roles.backoffice]\ndrain = 0.5").file.roles
    assert (roles["async"].drain, roles["backoffice"].drain) == (10.0, 0.5)


def test_the_pipeline_asks_once_and_lets_the_newest_wait_where_nothing_is_said(configured):
    pipeline = configured("[roles.async]").file.pipeline
    assert (pipeline.approval, pipeline.approval_hours) == ("required", 24)
    assert (pipeline.while_busy, pipeline.ref) == ("supersede", "main")


def test_there_is_one_gate_or_none(told, configured):
    assert configured('[pipeline]\napproval = "none"\n[roles.async]').file.pipeline.approval == "none"
    for value in ('"both"', '["required", "none"]', "true"):
        (line,) = told(f"[pipeline]\napproval = {value}\n[roles.async]")
        assert line.endswith('expected "required" or "none"')


@pytest.mark.parametrize(
    ("line", "told_as"),
    [
        ("approval_hours = 0", "approval_hours: 0, expected at least 1"),
        ("approval_hours = 721", "approval_hours: 721, expected at most 720"),
        ('while_busy = "wait"', 'while_busy: \'wait\', expected "supersede", "queue" or "reject"'),
        ('ref = "-f"', "ref: '-f', expected the name of a branch or a tag, such as main"),
        ('ref = "a..b"', "ref: 'a..b', expected the name of a branch or a tag, such as main"),
        ("aproval = 1", "aproval: unknown key, expected approval"),
    ],
)
def test_what_the_pipeline_cannot_be_told(told, line, told_as):
    assert told(f"[pipeline]\n{line}\n[roles.async]") == [f"tandem.toml: pipeline.{told_as}"]


@pytest.mark.parametrize("ref", ["main", "release/live", "v1.2.3", "feature/fee-42", "hot_fix"])
def test_refs_that_can_be_shipped(configured, ref):
    assert configured(f'[pipeline]\nref = "{ref}"\n[roles.async]').file.pipeline.ref == ref


def test_a_role_yields_by_twice_the_promise_of_pages_unless_it_says_otherwise(configured):
    tandem = configured(
        "[roles.async]\n[monitor]\npage_promise = 0.75\n"
        '[roles.off]\nkind = "async"\npressure = { page_p95 = 0, waiting = 0 }\n'
        '[roles.mails]\nkind = "async"\npressure = { waiting = 5 }'
    )
    roles = tandem.file.roles
    assert tandem.pressure_of(roles["async"]) == (1.5, 20)
    assert tandem.pressure_of(roles["off"]) == (0, 0)
    assert tandem.pressure_of(roles["mails"]) == (1.5, 5)
