"""The Overview: what it says of both servers, and draws, from the samples that they wrote."""

import json
import re
from datetime import datetime, timedelta, timezone

import pytest

from benchmarks import crowd
from django_tandem.monitor import now as of_now
from django_tandem.monitor import steps as of_steps
from django_tandem.monitor.moves import moves
from tests.integration.pipeline.conftest import ledgers  # noqa: F401 - a fixture

PAGE = "/tandem/overview/"


class Flood(crowd.Story):
    """Ten minutes ago a release became live; eight minutes ago a flood of jobs began."""

    def office(self, at, seconds):
        return crowd.office_facts(self.random, seconds, load=0.5, per_s=10, typical_s=0.05)

    def worker(self, at, seconds):
        flooded = self.now - at < timedelta(minutes=8)
        return crowd.worker_facts(self.random, seconds, load=7.9 if flooded else 0.2, per_s=60, running=8)

    def shared(self, at):
        flooded = self.now - at < timedelta(minutes=8)
        return crowd.shared_facts(ready=12_431 if flooded else 0, oldest_s=240.0, connections=30)

    def releases(self, at):
        return ("new", "new") if self.now - at < timedelta(minutes=10) else ("old", "old")


@pytest.fixture
def story(database):
    """Write the samples of a story of the last quarter of an hour."""

    def write(made=Flood):
        database.execute("UPDATE tandem_fence SET changed_at = now() - interval '1 day'")
        one = made(datetime.now(timezone.utc))
        crowd.samples(database, one)
        return one

    return write


def data(text, name):
    """A block of JSON of a page."""
    return json.loads(re.search(rf'<script id="{name}" type="application/json">(.*?)</script>', text)[1])


def plain(text):
    return " ".join(re.sub("<[^>]+>", " ", text).split())


def test_without_samples_it_says_how_they_come(ada):
    text = ada.text(PAGE)
    assert "No samples yet." in text
    assert "every 5 seconds" in text
    assert "data-chart" not in text


def test_it_is_the_first_page(ada):
    assert ada.get("/tandem/")["Location"] == PAGE


def test_who_sees_only_this_can_say_who_is_in_trouble_and_why(ada, story):
    story()
    text = plain(ada.text(PAGE))
    trouble = "trouble Async Server on work1 is overloaded: load 7.9 on 2 cores; 12,431 jobs are ready, the oldest for"
    assert trouble in text
    assert "good Back Office on web1 is calm: load 0.5 on 2 cores; 95 of 100 pages within" in text
    assert text.index("trouble Async Server") < text.index("good Back Office")


def test_both_servers_have_a_card(ada, story):
    story()
    text = plain(ada.text(PAGE))
    office, worker = text[text.index("Servers Back Office") :].split("Async Server on work1 release", 1)
    assert "0.25 calm" in office
    assert "load ÷ cores: 0.50 on 2" in office
    assert "payments.take" in office
    assert "3.95 overloaded" in worker
    assert "Running 8 of 8 slots" in worker
    assert "default, promise 1 min late" in worker
    assert "contracts.tasks.write" in worker


def test_every_chart_has_its_numbers_its_words_and_the_mark_of_the_release(ada, story):
    story()
    text = ada.text(PAGE)
    charts = re.findall(r'data-chart="data-([\w-]+)"', text)
    assert charts == ["load", "pages-p95", "requests", "finished", "ready", "database"]
    frame = data(text, "frame")
    assert (frame["step"], frame["count"]) == (5, 180)
    assert [mark["label"] for mark in frame["marks"]] == ["new"]
    for chart in charts:
        drawn = data(text, f"data-{chart}")
        for line in drawn["lines"]:
            assert len(line["values"]) == 180
            assert max(value for value in line["values"] if value is not None) >= 0
        assert text.count(f'id="numbers-{chart}"') == 1
    load = data(text, "data-load")
    assert [line["label"] for line in load["lines"]] == ["Back Office on web1", "Async Server on work1"]
    assert load["limits"] == [{"at": 1.0, "label": "all cores busy"}]
    assert max(load["lines"][1]["values"][-50:-2]) == 3.95
    assert data(text, "data-pages-p95")["limits"] == [{"at": 1.0, "label": "promise 1.0 s"}]
    assert "<strong>3.95</strong> now, 3.95 at most" in text


def test_what_changed_with_the_release(ada, story):
    story()
    text = plain(ada.text(PAGE))
    assert "What changed when release new became live" in text
    row = re.search(r"load ÷ cores of work1 ([\d.]+) ([\d.]+)", text)
    assert float(row[1]) < 0.2 < 2.0 < float(row[2])


@pytest.mark.parametrize("span", ["3h", "24h", "30d", "1y", ""])
def test_of_a_span_without_samples_it_says_so(ada, story, span):
    story()
    text = ada.text(PAGE, span=span)
    assert ("there are no samples of this kind yet" in text) == (span in ("3h", "24h", "30d"))


def test_minutes_are_added_up_to_steps(ada, database):
    now = datetime.now(timezone.utc)
    crowd.samples(database, crowd.Story(now), ((60, timedelta(hours=24)),))
    found = of_steps.steps("24h", now)
    (office, worker) = found.lines
    assert (office.kind, worker.kind) == ("office", "async")
    assert (found.step_s, found.count) == (360, 240)
    known = [value for value in office.values["pages"] if value is not None]
    assert len(known) >= 239
    (total,) = database.execute(
        "SELECT sum((facts #>> '{pages,count}')::int) FROM tandem_sample WHERE role = 'backoffice' AND at >= %s",
        [found.start],
    ).fetchone()
    minutes = 6 * (len(known) - 1)
    assert sum(known[:-1]) * 6 == pytest.approx(total, rel=0.02)
    assert minutes > 1400


def test_two_servers_of_one_role_on_one_host_are_added(database):
    now = datetime.now(timezone.utc)
    for server, release in ((1, "a"), (2, "b")):
        facts = crowd.worker_facts(crowd.Story(now).random, 5, load=0.5 * server, per_s=12, running=2, failing=0)
        database.execute(
            "INSERT INTO tandem_sample (resolution, at, server, role, host, release, facts)"
            " VALUES (5, date_bin('5 s', %s, '2000-01-01 00:00:00Z'), %s, 'async', 'h', %s, %s)",
            [now - timedelta(seconds=10), server, release, json.dumps(facts)],
        )
    (line,) = of_steps.steps("15m", now).lines
    (finished,) = [value for value in line.values["successful"] if value is not None]
    assert finished == 2 * 60 * 12
    assert max(value for value in line.values["load"] if value is not None) == 0.5
    (server,) = of_now.fleet().servers
    assert server.releases == ("a", "b")


class TestWhatIsKept:
    def sum_of(self, found, name="pages"):
        return sum(value for line in found.lines for value in line.values[name] if value is not None)

    def test_what_is_past_is_read_once_and_what_is_new_each_time(self, story, database):
        one = story()
        whole = self.sum_of(of_steps.steps("15m", one.now))
        database.execute("DELETE FROM tandem_sample WHERE at < %s", [one.now - timedelta(minutes=5)])
        assert self.sum_of(of_steps.steps("15m", one.now)) == whole
        database.execute("DELETE FROM tandem_sample")
        assert 0 < self.sum_of(of_steps.steps("15m", one.now)) < whole
        later = of_steps.steps("15m", one.now + timedelta(minutes=4))
        assert later.count == 180
        assert later.at(179) > one.now + timedelta(minutes=3)

    def test_what_came_late_is_seen_after_five_minutes(self, story, database):
        one = story()
        of_steps.steps("15m", one.now)
        database.execute("DELETE FROM tandem_sample")
        assert of_steps.steps("15m", one.now + of_steps.ANEW).is_empty


class TestMoves:
    def test_the_ledger_tells_of_each_and_other_sources_of_none_twice(self, ledgers, database):  # noqa: F811
        now = datetime.now(timezone.utc)
        since = now - timedelta(minutes=15)
        crowd.released(database, [("aaaa", now - timedelta(minutes=9)), ("bbbb", now - timedelta(minutes=4))])
        seen = [(now - timedelta(minutes=10), {"aaaa"}), (now - timedelta(minutes=5), {"aaaa", "bbbb"})]
        found = [one.label for one in moves(since, seen)]
        assert found == ["aaaa", "bbbb", "test"]  # the fixture's fence names "test" since this moment

    def test_a_server_that_came_is_told(self, database):
        now = datetime.now(timezone.utc)

        class Alone(crowd.Story):
            """The Back Office alone, until the Async Server comes."""

            def releases(self, at):
                return "one", "one" if self.now - at < timedelta(minutes=5) else ""

        crowd.samples(database, Alone(now))
        (came,) = of_steps.steps("15m", now).came()
        assert came.text == "Async Server on work1 came"
        assert timedelta(minutes=4.8) < now - came.at < timedelta(minutes=5.2)


def test_what_is_silent_is_told_with_the_time(ada, story, database):
    story()
    database.execute(
        "INSERT INTO tandem_server (role, host, pid, release, config_digest, state, heartbeat_at)"
        " VALUES ('async', 'work2', 1, 'new', 'd', 'active', now() - interval '1 min')"
    )
    assert "trouble Async Server on work2 is silent: it was heard last" in plain(ada.text(PAGE))


def test_pressure_is_a_banner(ada, database):
    facts = {"pressure": {"async": {"level": 2, "why": "95 of 100 pages take 2.1 s, promised is 1.0 s"}}}
    database.execute(
        "INSERT INTO tandem_sample (resolution, at, server, role, host, release, facts)"
        " VALUES (5, clock_timestamp(), 0, '', '', '', %s)",
        [json.dumps(facts)],
    )
    assert "async yields to the Back Office: 95 of 100 pages take 2.1 s" in plain(ada.text(PAGE))


def test_a_name_from_outside_cannot_write_into_the_page(ada, database):
    facts = crowd.office_facts(crowd.Story(datetime.now(timezone.utc)).random, 5, load=1, per_s=5, typical_s=0.1)
    facts["pages"]["views"]["</script><b>x</b>"] = facts["pages"]["views"]["report"]
    database.execute(
        "INSERT INTO tandem_sample (resolution, at, server, role, host, release, facts)"
        " VALUES (5, clock_timestamp(), 1, 'backoffice', '</script><i>h</i>', '<u>r</u>', %s)",
        [json.dumps(facts)],
    )
    text = ada.text(PAGE)
    for written in ("<b>x", "<i>h", "<u>r"):
        assert written not in text
