"""Notices: written with what they tell of, once, and brought to a webhook or a command by a job of the queue."""

import json
import logging
import socket
import sys
import traceback
from datetime import timedelta

import pytest

from django_tandem.errors import NoticeFailed
from django_tandem.pipeline import approval, ledger, notices
from django_tandem.pipeline.stages import RunState
from tests.integration.pipeline.conftest import COMMIT, OTHER
from tests.webhook import Webhook

DIGEST = "d" * 64
APP = '[app]\nname = "office"\nsettings = "office.settings"\n[roles.async]\n'
TOLD = {"id": "3f0c", "event": "live", "at": "2027-01-31T18:00:00+00:00", "text": "run 7 is live", "run": {"id": 7}}


@pytest.fixture
def jobs(ledgers):
    """What is to be told: the notice and what it says, of each job that waits."""
    ledgers.execute("DELETE FROM tandem_job")
    yield lambda: [
        tuple(json.loads(arguments)[0])
        for (arguments,) in ledgers.execute("SELECT arguments FROM tandem_job ORDER BY id")
    ]
    ledgers.execute("DELETE FROM tandem_job")


@pytest.fixture
def everything(settings):
    """One notice of all events, and one of what is live."""
    settings.TANDEM_NOTICES = {"all": [state.value for state in notices.OF_RUNS] + ["orphan"], "few": ["live"]}


@pytest.fixture
def deliver(tmp_path, monkeypatch):
    """Deliver in this process, with this tandem.toml."""
    from django_tandem.pipeline.delivery import deliver

    def delivered(text, name="chat", told=TOLD):
        (tmp_path / "tandem.toml").write_text(APP + text)
        monkeypatch.setenv("TANDEM_CONFIG", str(tmp_path / "tandem.toml"))
        deliver.func(name, told)

    return delivered


def test_each_state_that_somebody_wants_to_hear_of_is_told_with_what_it_is_about(
    ledgers, held, running, state, begin, jobs, everything
):
    assert jobs() == []
    ledger.built(ledgers, held, running, DIGEST, {})
    summary = {"commits": [{}, {}], "migrations": ["loans.0002_fee"]}
    approval.ask(ledgers, held, running, DIGEST, summary, valid_for=timedelta(hours=1))
    approval.ask(ledgers, held, running, DIGEST, summary, valid_for=timedelta(hours=1))
    ((name, asked),) = jobs()
    assert (name, asked["event"], asked["run"]["commit"]) == ("all", "waiting for approval", COMMIT)
    assert asked["summary"] == summary
    assert asked["text"] == (
        f"run {running}, c0ffee000000 (main), waits for approval, 2 commits, 1 migration: tandem approve {running}"
    )
    approval.approve(ledgers, running, by="ada", via="here")
    approval.approve(ledgers, running, by="ada", via="here")
    assert jobs()[1:][0][1]["decision"] == {"by": "ada", "via": "here", "reason": None}
    ledger.move(ledgers, held, running, RunState.FORKING)
    ledger.move(ledgers, held, running, RunState.LIVE)
    ledger.move(ledgers, held, running, RunState.LIVE)
    assert [(name, told["event"]) for name, told in jobs()[2:]] == [("all", "live"), ("few", "live")]
    assert len({told["id"] for _, told in jobs()}) == 4
    old, new = begin().run.id, begin(OTHER).run.id
    assert jobs()[4:][0][1]["text"] == f"run {old}, c0ffee000000 (main), is superseded: superseded by run {new}"
    ledger.cancel(ledgers, new, by="ada", reason="not today")
    assert jobs()[5:][0][1]["text"].endswith("is cancelled: cancelled by ada: not today")
    assert state(new) == "cancelled"


def test_what_is_rolled_back_is_not_told_and_what_is_told_is_told_once(ledgers, others, jobs, everything):
    facts = {"text": "async of 4f2a runs on h1, and is not live"}
    with ledgers.transaction(force_rollback=True):
        assert len(notices.notify(ledgers, "orphan", facts, key="server 7")) == 1
    assert jobs() == []
    assert len(notices.notify(ledgers, "orphan", facts, key="server 7")) == 1
    assert notices.notify(others(), "orphan", facts, key="server 7") == []
    ledgers.execute("DELETE FROM tandem_job")  # it was told, and its job is gone
    assert notices.notify(ledgers, "orphan", facts, key="server 7") == []
    assert len(notices.notify(ledgers, "orphan", facts, key="server 8")) == 1
    ledgers.execute("UPDATE tandem_notice SET at = at - interval '91 days' WHERE key = 'server 7'")
    assert len(notices.notify(ledgers, "orphan", facts, key="server 7")) == 1


def test_a_run_goes_on_where_nobody_can_be_told(ledgers, held, running, state, everything, caplog):
    with ledgers.transaction(force_rollback=True), caplog.at_level(logging.WARNING, "django_tandem.pipeline"):
        ledgers.execute("DROP TABLE tandem_notice")
        ledger.move(ledgers, held, running, RunState.FAILED)
        assert state(running) == "failed"
    assert f"the notice all of 'run {running} failed' is not sent" in caplog.text


def test_a_webhook_is_posted_json_with_a_key_of_its_own(deliver, monkeypatch):
    with Webhook(200) as webhook:
        monkeypatch.setenv("OFFICE_CHAT", webhook.url)
        deliver('[notices.chat]\nwebhook = { from_env = "OFFICE_CHAT" }\n')
    ((path, headers, body),) = webhook.got
    assert path == "/services/sesame"
    assert headers["Idempotency-Key"] == "3f0c"
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert body == {**TOLD, "app": "office", "notice": "chat", "text": "office: run 7 is live"}


@pytest.mark.parametrize("status", [302, 404, 500])
def test_what_is_not_2xx_is_a_failure_and_no_redirect_is_followed(deliver, status):
    with Webhook(status) as webhook:
        with pytest.raises(NoticeFailed, match=rf"^notices.chat: its webhook answered with status {status}$") as failed:
            deliver(f'[notices.chat]\nwebhook = "{webhook.url}"\n')
        assert len(webhook.got) == 1
    assert "sesame" not in str(failed.value)


def test_a_webhook_that_does_not_answer_is_told_without_its_address(deliver):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(NoticeFailed) as failed:
            deliver(f'[notices.chat]\nwebhook = "http://127.0.0.1:{port}/sesame"\ntimeout = 0.2\n')
        assert "does not answer: TimeoutError" in str(failed.value)
    with pytest.raises(NoticeFailed, match="ConnectionRefusedError") as failed:
        deliver(f'[notices.chat]\nwebhook = "http://127.0.0.1:{port}/sesame"\n')
    assert "sesame" not in "".join(traceback.format_exception(failed.value)).replace('/sesame"\\n', "")


def test_a_command_gets_it_on_stdin_and_in_its_environment(deliver, tmp_path):
    told = tmp_path / "told"
    code = "import os, sys, json; json.dump([json.load(sys.stdin), dict(os.environ)], open(sys.argv[1], 'w'))"
    deliver(f"[notices.chat]\ncommand = {json.dumps([sys.executable, '-c', code, str(told)])}\n")
    given, variables = json.loads(told.read_text())
    assert given == {**TOLD, "app": "office", "notice": "chat", "text": "office: run 7 is live"}
    assert {name: value for name, value in variables.items() if name.startswith("TANDEM_NOTICE")} == {
        "TANDEM_NOTICE": "chat",
        "TANDEM_NOTICE_ID": "3f0c",
        "TANDEM_NOTICE_EVENT": "live",
        "TANDEM_NOTICE_TEXT": "office: run 7 is live",
        "TANDEM_NOTICE_RUN": "7",
    }


def test_a_command_that_fails_is_missing_or_takes_too_long_is_told(deliver):
    words = [sys.executable, "-c", "import sys; sys.exit('nobody is there')"]
    with pytest.raises(NoticeFailed, match=r"ended with exit code 1: nobody is there$"):
        deliver(f"[notices.chat]\ncommand = {json.dumps(words)}\n")
    with pytest.raises(NoticeFailed, match=r"^notices.chat: /nowhere/tell cannot be run: No such file"):
        deliver('[notices.chat]\ncommand = ["/nowhere/tell"]\n')
    words = [sys.executable, "-c", "input(); import time; time.sleep(600)"]
    with pytest.raises(NoticeFailed, match=r"was stopped after 0 s$"):
        deliver(f"[notices.chat]\ncommand = {json.dumps(words)}\ntimeout = 0.2\n")
    with pytest.raises(NoticeFailed, match=r"^notices.pager is not in the tandem.toml of release"):
        deliver('[notices.chat]\ncommand = ["true"]\n', name="pager")


def test_an_async_server_delivers_it_and_tries_again_until_it_is_taken(office):
    with Webhook(500, 503, 204) as webhook:
        office.append('\n[notices.chat]\nwebhook = { from_env = "OFFICE_CHAT" }\n')
        office.environment["OFFICE_CHAT"] = webhook.url
        refused = office.tandem("pipeline", "notify", "chut")
        assert (refused.returncode, refused.stderr.rpartition(": ")[2]) == (2, "expected chat\n")
        server = office.start("serve", "async")
        told = office.json("pipeline", "notify", "chat", "--wait", "60")
        log = server.output
    assert told["state"] == "successful"
    assert [error.partition(": ")[2] for error in told["errors"]] == [
        "notices.chat: its webhook answered with status 500",
        "notices.chat: its webhook answered with status 503",
    ]
    assert len({headers["Idempotency-Key"] for _, headers, _ in webhook.got}) == 1
    assert [body["event"] for _, _, body in webhook.got] == ["test"] * 3
    rows = office.query("SELECT tandem_result::text FROM tandem_result")
    assert "sesame" not in log + str(rows)
