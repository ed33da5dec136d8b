"""What a person does in the dashboard, by clicking: pause a queue, retry what failed, decide about a release."""

import re

import pytest
from playwright.sync_api import expect
from psycopg.types.json import Jsonb

from tests.acceptance import watching
from tests.acceptance.watching import NARROW, WHO
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("made_up")

DIGEST, COMMIT = "5e" * 32, "5e1f" * 10
SUMMARY = {
    "since": None,
    "commits": [{"commit": COMMIT, "author": "Grace", "subject": "Charge a late fee"}],
    "migrations": ["loans.0002_fee"],
    "settings": {},
    "roles": {},
    "dependencies": {"django": ["5.1", "5.2"]},
    "trial": [{"name": "project tests", "passed": True, "seconds": 4.2}],
}


@pytest.fixture
def normal(grace):
    """A normal day."""
    with grace.database() as connection:
        watching.fill(connection, "normal")


def one(grace, query, *parameters):
    ((value,),) = grace.office.query(query, *parameters)
    return value


def audited(grace):
    """The newest entry of the audit: who, what, outcome."""
    return grace.office.query("SELECT who, action, outcome FROM tandem_audit ORDER BY id DESC LIMIT 1")[0]


def test_a_queue_is_resumed_and_paused(grace, normal):
    with grace.tab() as tab:
        grace.open(tab, "/tandem/queues/")
        row = tab.get_by_role("row").filter(has=tab.get_by_role("rowheader", name=re.compile("^reports")))
        for button, other in (("Resume", "Pause"), ("Pause", "Resume")):
            row.get_by_role("button", name=button, exact=True).click()
            expect(tab.get_by_role("status")).to_contain_text("reports")
            expect(row.get_by_role("button", name=other, exact=True)).to_be_visible()
    assert one(grace, "SELECT paused_by FROM tandem_pause WHERE name = 'reports'") == WHO
    assert audited(grace) == (WHO, "pause queue", "done")


def test_all_that_failed_of_one_cause_are_retried_after_a_look(grace, normal):
    failed = one(grace, "SELECT count(*) FROM tandem_result WHERE state = 4")
    with grace.tab() as tab:
        grace.open(tab, "/tandem/tasks/failed/")
        tab.get_by_role("link", name="Retry all…").first.click()
        asked = tab.get_by_role("button", name=re.compile(r"^Retry \d+ jobs?$"))
        count = int(re.search(r"\d+", asked.inner_text())[0])
        assert 0 < count < failed
        asked.click()
        expect(tab.get_by_role("status")).to_contain_text("ready again")
    assert one(grace, "SELECT count(*) FROM tandem_result WHERE state = 4") == failed - count
    assert audited(grace) == (WHO, "retry jobs", "done")


@pytest.fixture
def asking(grace):
    """The number of a run that waits for approval."""
    with grace.database() as connection:
        connection.execute(
            "INSERT INTO tandem_release (digest, release, commit, manifest) VALUES (%s, left(%s, 12), %s, '{}')"
            " ON CONFLICT DO NOTHING",
            [DIGEST, COMMIT, COMMIT],
        )
        ((run,),) = connection.execute(
            "INSERT INTO tandem_run (kind, commit, ref, policy, state, digest, begun_by, begun_via)"
            " VALUES ('ship', %s, 'main', 'supersede', 'waiting for approval', %s, 'ada', 'terminal') RETURNING id",
            [COMMIT, DIGEST],
        ).fetchall()
        connection.execute(
            "INSERT INTO tandem_approval (run, digest, summary, expires_at)"
            " VALUES (%s, %s, %s, now() + interval '1 h')",
            [run, DIGEST, Jsonb(SUMMARY)],
        )
    yield run
    with grace.database() as connection:
        connection.execute("UPDATE tandem_run SET state = 'cancelled', ended_at = now() WHERE ended_at IS NULL")


def test_a_run_is_approved_by_who_has_read_what_it_changes(grace, asking):
    with grace.tab(NARROW, "dark") as tab:
        grace.open(tab, "/tandem/releases/")
        tab.get_by_role("link", name=f"Run {asking}", exact=True).click()
        expect(tab.get_by_text("Charge a late fee")).to_be_visible()
        expect(tab.get_by_text("loans.0002_fee")).to_be_visible()
        assert watching.fits(tab) == []
        assert watching.barriers(tab) == []
        tab.get_by_role("button", name="Approve").click()
        expect(tab.get_by_role("status")).to_contain_text(f"run {asking} may go live")
    decided = grace.office.query("SELECT decision, decided_by, via FROM tandem_approval WHERE run = %s", asking)
    assert decided == [("approved", WHO, "dashboard, from 127.0.0.1")]


def test_a_run_is_rejected_with_the_reason(grace, asking):
    with grace.tab() as tab:
        grace.open(tab, f"/tandem/releases/runs/{asking}/")
        tab.get_by_label("Why not").fill("not on a Friday")
        tab.get_by_role("button", name="Reject").click()
        expect(tab.get_by_role("status")).to_contain_text("nothing of it goes live")
        expect(tab.get_by_role("button", name="Approve")).to_have_count(0)
    assert one(grace, "SELECT state || ': ' || reason FROM tandem_run WHERE id = %s", asking).startswith("rejected")


def test_a_schedule_is_paused(grace):
    with grace.database() as connection:
        connection.execute(
            "INSERT INTO tandem_schedule (name, task, expression, zone, missed, next_at)"
            " VALUES ('ageing', 'reports.tasks.age', '0 2 * * *', 'UTC', 'skip', now() + interval '1 h')"
        )
    with grace.tab() as tab:
        grace.open(tab, "/tandem/schedules/")
        row = tab.get_by_role("row").filter(has=tab.get_by_role("rowheader", name=re.compile("^ageing")))
        row.get_by_role("button", name="Pause").click()
        expect(row).to_contain_text(f"paused by {WHO}")
        until(lambda: audited(grace) == (WHO, "pause schedule", "done"))
    with grace.database() as connection:
        connection.execute("DELETE FROM tandem_schedule WHERE name = 'ageing'")
