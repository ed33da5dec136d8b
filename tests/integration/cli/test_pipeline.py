"""`tandem pipeline`, `tandem approve` and `tandem reject`: what a person sees of runs, and decides about them."""

import getpass
import json
import socket
from datetime import timedelta

import pytest

from django_tandem.pipeline import approval, ledger, lock, stages
from django_tandem.pipeline.stages import RunState
from tests.integration.pipeline.conftest import (  # noqa: F401 - fixtures
    COMMIT,
    OTHER,
    begin,
    held,
    ledgers,
    others,
    running,
    state,
)

DIGEST = "d" * 64
SUMMARY = {
    "since": OTHER,
    "commits": [{"commit": COMMIT, "author": "Grace", "subject": "Charge a fee [late]"}],
    "migrations": ["loans.0002_fee"],
    "settings": {
        "async": [{"name": "DATABASES.default.CONN_MAX_AGE", "how": "changed", "before": 0, "after": 600}],
        "backoffice": [],
    },
    "dependencies": {"django": ["5.2.1", "5.2.2"], "reportlab": [None, "4.4"], "old": ["1.0", None]},
    "trial": [
        {"name": "tests", "passed": True, "seconds": 75.0},
        {"name": "task signatures", "passed": False, "text": "loans.tasks.age takes another argument"},
    ],
}


@pytest.fixture
def asking(ledgers, held, running):  # noqa: F811
    """A run that was built, prepared on one leg, and waits for approval."""
    ledger.built(ledgers, held, running, DIGEST, {"app": "office"})
    with ledger.writing(ledgers, held, running, stages.BUILD):
        pass
    with ledger.writing(ledgers, held, running, stages.PREPARE, leg="async", host="h1") as says:
        says["text"] = "answers"
    approval.ask(ledgers, held, running, DIGEST, SUMMARY, valid_for=timedelta(hours=24))
    return running


def test_runs_are_listed_newest_first(tandem, begin):  # noqa: F811
    first, second = begin().run.id, begin(OTHER).run.id
    lines = [line.split() for line in tandem("pipeline", "list").stdout.splitlines()]
    assert [line[0] for line in lines if line and line[0].isdigit()] == [str(second), str(first)]
    assert " ".join(lines[-2]).endswith(f"ada superseded by run {second}")
    runs = json.loads(tandem("pipeline", "list", "--json").stdout)
    assert [(run["id"], run["state"]) for run in runs] == [(second, "waiting"), (first, "superseded")]
    assert [run["id"] for run in json.loads(tandem("pipeline", "list", "--open", "--json").stdout)] == [second]
    assert len(json.loads(tandem("pipeline", "list", "--limit", "1", "--json").stdout)) == 1


def test_without_runs_it_says_so(tandem, ledgers):  # noqa: F811
    assert tandem("pipeline", "list").stdout == "no runs\n"
    assert tandem("pipeline", "list", "--open").stdout == "no open runs\n"
    assert tandem("pipeline", "list", "--json").stdout == "[]\n"


def test_a_run_is_shown_with_what_it_changes_its_gate_and_its_steps(tandem, asking):
    shown = tandem("pipeline", "show", str(asking)).stdout
    for words in (
        f"run {asking}  c0ffee000000  waiting for approval",
        f"digest  {DIGEST}",
        "since deed00000000",
        "c0ffee000000  Charge a fee [late]  Grace",
        "loans.0002_fee",
        "async  DATABASES.default.CONN_MAX_AGE: 0 → 600",
        "django 5.2.1 → 5.2.2",
        "reportlab (new) → 4.4",
        "old 1.0 → (removed)",
        "tests passed in 1 min 15 s",
        "task signatures failed: loans.tasks.age takes another argument",
        f"tandem approve {asking}, or tandem reject {asking}",
    ):
        assert words in shown
    assert "backoffice" not in shown
    rows = [line.split() for line in shown.splitlines()]
    assert any(row[:1] == ["build"] and row[-1] == "ended" for row in rows)
    assert any(row[:4] == ["fork:", "prepare", "async", "h1"] and row[-2:] == ["ended", "answers"] for row in rows)


def test_the_same_is_told_as_json(tandem, asking):
    facts = json.loads(tandem("pipeline", "show", str(asking), "--json").stdout)
    assert (facts["run"]["id"], facts["run"]["digest"], facts["live"]) == (asking, DIGEST, False)
    assert facts["approval"]["summary"] == SUMMARY
    assert [(step["step"], step["leg"], step["state"]) for step in facts["steps"]] == [
        ("build", None, "ended"),
        ("prepare", "async", "ended"),
    ]
    assert all(step["seconds"] >= 0 for step in facts["steps"])


def test_who_let_it_is_shown(tandem, asking, monkeypatch):
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.7 50022 10.0.0.1 22")
    who, where = getpass.getuser(), f"command line on {socket.gethostname()}, from 10.0.0.7"
    done = tandem("approve", str(asking))
    assert (done.returncode, done.stdout.startswith(f"run {asking}: approved by {who} ({where}) at ")) == (0, True)
    assert f"approved by {who}, {where}, " in tandem("pipeline", "show", str(asking)).stdout
    gate = json.loads(tandem("approve", str(asking), "--json").stdout)
    assert (gate["decision"], gate["decided_by"], gate["via"], gate["digest"]) == ("approved", who, where, DIGEST)


def test_a_gate_whose_time_is_over_is_shown_as_such(tandem, asking, ledgers):  # noqa: F811
    ledgers.execute("UPDATE tandem_approval SET expires_at = clock_timestamp()")
    shown = tandem("pipeline", "show", str(asking)).stdout
    assert "nobody decided until" in shown
    assert "tandem approve" not in shown


def test_one_is_rejected_with_a_reason(tandem, asking, state):  # noqa: F811
    done = tandem("reject", str(asking), "--reason", "not on a Friday")
    assert done.stdout.endswith(": not on a Friday\n")
    assert state(asking) == "rejected"
    assert "not on a Friday" in tandem("pipeline", "list").stdout
    assert "because  not on a Friday" in tandem("pipeline", "show", str(asking)).stdout


def test_one_is_cancelled_until_its_migrations_begin(tandem, asking, ledgers, held, begin, state):  # noqa: F811
    done = tandem("pipeline", "cancel", str(asking), "--reason", "wrong branch")
    assert done.stdout == f"run {asking} is cancelled: cancelled by {getpass.getuser()}: wrong branch\n"
    assert tandem("approve", str(asking)).returncode == 3
    again = tandem("pipeline", "cancel", str(asking))
    assert (again.returncode, again.stdout) == (3, "")
    run = begin(OTHER).run.id
    ledger.move(ledgers, held, run, RunState.RUNNING)
    ledger.move(ledgers, held, run, RunState.FORKING)
    ledger.began(ledgers, held, run, stages.MIGRATE)
    refused = tandem("pipeline", "cancel", str(run))
    assert (refused.returncode, refused.stdout) == (3, "")
    assert refused.stderr == f"tandem: run {run} is forking and cannot be cancelled: its migrations have begun\n"
    assert state(run) == "forking"


@pytest.mark.parametrize("word", ["approve", "reject"])
def test_a_decision_that_cannot_be_is_refused_with_code_3(tandem, asking, begin, word):  # noqa: F811
    done = tandem(word, str(asking), "--digest", "e" * 64)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"tandem: the gate of run {asking} is for {DIGEST}, not for {'e' * 64}\n"
    newer = begin(OTHER).run.id
    done = tandem(word, str(asking))
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (f"tandem: run {asking} was superseded by run {newer}: its approval can no longer be given\n")


@pytest.mark.parametrize(
    "words", [("approve",), ("reject",), ("pipeline", "show"), ("pipeline", "log"), ("pipeline", "cancel")]
)
def test_an_unknown_run_is_code_2(tandem, ledgers, words):  # noqa: F811
    done = tandem(*words, "7")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "tandem: there is no run 7: `tandem pipeline list` shows the newest\n"


def test_the_log_has_a_line_before_each_step_and_one_after_it(tandem, asking):
    lines = tandem("pipeline", "log", str(asking)).stdout.splitlines()
    assert [line.split(" ", 2)[2].partition(" after")[0] for line in lines] == [
        "build began", "build ended", "fork: prepare (async on h1) began", "fork: prepare (async on h1) ended",
    ]  # fmt: skip
    assert lines[-1].endswith('{"text": "answers"}')
    rows = [json.loads(line) for line in tandem("pipeline", "log", str(asking), "--json").stdout.splitlines()]
    assert [row["what"] for row in rows] == ["began", "ended", "began", "ended"]
    assert rows[1]["seconds"] >= 0


def test_a_step_that_nobody_finished_is_shown_as_cut_off(tandem, ledgers, held, running):  # noqa: F811
    ledger.began(ledgers, held, running, stages.TRIAL)
    assert "running" in _row_of(tandem, running, "trial")
    lock.release(ledgers, held)
    assert _row_of(tandem, running, "trial").endswith("cut off")


def test_a_rollback_that_is_live_is_shown_as_such(tandem, ledgers, held, begin, database):  # noqa: F811
    run = begin(kind="rollback").run.id
    ledger.built(ledgers, held, run, DIGEST, {})
    ledger.move(ledgers, held, run, RunState.FORKING)
    ledger.move(ledgers, held, run, RunState.LIVE)
    assert f"run {run}  rollback to c0ffee000000  live\n" in tandem("pipeline", "show", str(run)).stdout
    database.execute("UPDATE tandem_fence SET release = 'c0ffee000000'")
    assert "live, and is what is live now" in tandem("pipeline", "show", str(run)).stdout
    assert "rollback" in tandem("pipeline", "list").stdout


def _row_of(tandem, run, step):
    lines = tandem("pipeline", "show", str(run)).stdout.splitlines()
    (line,) = [line.strip() for line in lines if line.startswith(f" {step} ")]
    return line
