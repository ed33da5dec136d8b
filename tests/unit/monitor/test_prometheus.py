"""Metrics are what Prometheus itself reads back, exact, bounded in number, and all on their page."""

import json
import random
import re
from datetime import datetime, timezone

import pytest
from prometheus_client.parser import text_string_to_metric_families

from django_tandem.monitor import histogram, prometheus
from django_tandem.serve.identity import Identity
from tests.office import ROOT

BOARD = ROOT / "docs/monitoring/grafana.json"
RULES = ROOT / "docs/monitoring/alerts.yml"
ON_PAGE = re.compile(r"`(tandem_\w+)`")
STARTED = datetime(2027, 1, 31, tzinfo=timezone.utc)
IDENTITY = Identity(id=1, role="async", host="a", pid=7, release="4f2a", config_digest="9c", started=STARTED)
# What Prometheus makes by itself of each that it asks.
OF_PROMETHEUS = {"up"}


CHANCE = random.Random(7)  # noqa: S311 - the same in each run
TIMES = [CHANCE.lognormvariate(-2, 2) for _ in range(500)]
ODD = 'odd "\\\n name'
FACTS = {
    "host": {
        "load": [2.5, 1.5, 0.5],
        "cores": 4,
        "cpu": 0.75,
        "memory": {"total": 8000, "available": 3000},
        "disk": {"total": 9000, "free": 4000},
    },
    "server": {"processes": 3, "rss": 1234, "cpu": 1.5, "state": "active"},
    "pages": {
        "count": 500,
        "errors_4xx": 20,
        "errors_5xx": 5,
        "timeouts": 2,
        "seconds": histogram.of(TIMES),
        "queue_seconds": histogram.of(TIMES[:9]),
        "views": {
            "loans:list": {"count": 400, "errors_5xx": 3, "seconds": histogram.of(TIMES[:400])},
            ODD: {"count": 90, "errors_5xx": 0, "seconds": histogram.of(TIMES[400:490])},
        },
    },
    "tasks": {
        "slots": 8,
        "running": 3,
        "coroutines": 1,
        "claims": 70,
        "successful": 60,
        "failed": 4,
        "retried": 6,
        "seconds": histogram.of(TIMES[:64]),
        "tasks": {"loans.tasks.score": {"count": 50, "failed": 4, "retried": 5, "seconds": histogram.of(TIMES[:50])}},
    },
    "database": {"connections": 12, "most_connections": 100, "waiting": 1, "oldest_transaction_s": 2.5},
    "queues": {
        "default": {
            "ready": 7, "scheduled": 2, "running": 3, "limited": 1, "paused": 0, "oldest_s": 4.5,
            "priorities": {"0": {"ready": 7, "oldest_s": 4.5}},
        }
    },
    "counted_at": "2027-01-31T00:00:10+00:00",
    "pressure": {"async": {"level": 2, "why": "pages"}},
    "alarms": {"load": 1},
}  # fmt: skip


def told(facts):
    """All samples as Prometheus reads them: by name and labels."""
    text = prometheus.render(facts, IDENTITY).decode()
    return Told(
        (sample.name, frozenset(sample.labels.items()), sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    )


class Told(list):
    def of(self, name, **labels):
        (value,) = [value for one, has, value in self if one == name and has == frozenset(labels.items())]
        return value


def names(found):
    return {re.sub("_(bucket|sum|count)$", "", name) for name, _, _ in found}


@pytest.fixture(autouse=True)
def promises(settings):
    settings.TANDEM_PAGE_PROMISE, settings.TANDEM_QUEUE_PROMISES = 1.0, {"default": 60.0}


def test_every_family_is_written_and_reads_back():
    found = told(json.loads(json.dumps(FACTS)))
    assert names(found) == set(prometheus.FAMILIES)
    assert found.of("tandem_release_info", role="async", release="4f2a", config_digest="9c") == 1
    assert found.of("tandem_start_time_seconds") == STARTED.timestamp()
    assert [found.of("tandem_server_state", state=one) for one in prometheus.STATES] == [0, 0, 1, 0]
    assert [found.of(name) for name in ("tandem_load1", "tandem_load15", "tandem_cores")] == [2.5, 0.5, 4]
    assert found.of("tandem_memory_available_bytes") == 3000
    assert found.of("tandem_http_requests_total", view="loans:list", code="5xx") == 3
    assert found.of("tandem_http_requests_total", view=ODD, code="other") == 90
    assert found.of("tandem_http_requests_total", view="(others)", code="5xx") == 2
    assert found.of("tandem_http_requests_total", view="(others)", code="other") == 8
    assert found.of("tandem_jobs_total", task="loans.tasks.score", outcome="failed") == 4
    assert found.of("tandem_jobs_total", task="(others)", outcome="successful") == 14
    assert found.of("tandem_jobs_retried_total", task="loans.tasks.score") == 5
    assert found.of("tandem_jobs_retried_total", task="(others)") == 1
    assert found.of("tandem_queue_promise_seconds", queue="default") == 60
    assert found.of("tandem_queue_jobs", queue="default", state="ready") == 7
    assert found.of("tandem_queue_oldest_ready_seconds", queue="default") == 4.5
    assert found.of("tandem_queues_counted_timestamp_seconds") == STARTED.timestamp() + 10
    assert found.of("tandem_pressure_level", role="async") == 2
    assert found.of("tandem_alarms", kind="load") == 1


@pytest.mark.parametrize(
    ("name", "labels", "of"),
    [
        ("tandem_http_request_duration_seconds", {}, TIMES),
        ("tandem_http_view_duration_seconds", {"view": "loans:list"}, TIMES[:400]),
        ("tandem_task_duration_seconds", {"task": "loans.tasks.score"}, TIMES[:50]),
    ],
)
def test_buckets_hold_what_was_counted_and_nothing_is_guessed(name, labels, of):
    edges = [histogram.edge(number) for number in range(histogram.LAST)]
    found = told(FACTS)
    has = [(dict(its), value) for one, its, value in found if one == f"{name}_bucket"]
    buckets = {float(its["le"]): value for its, value in has if labels.items() <= its.items()}
    assert len(buckets) > 15
    for le, count in buckets.items():
        assert le == float("inf") or any(le == pytest.approx(edge, rel=1e-5) for edge in edges)
        assert count == sum(value <= le for value in of)
    assert found.of(f"{name}_count", **labels) == len(of)
    assert found.of(f"{name}_sum", **labels) == pytest.approx(sum(of))


def test_what_is_not_known_is_left_out():
    found = told({"host": {"load": [1, 1, 1]}, "database": {"waiting": None}, "tasks": {"slots": 2}})
    assert names(found) == {
        "tandem_load1", "tandem_load5", "tandem_load15", "tandem_queue_promise_seconds", "tandem_release_info",
        "tandem_slots", "tandem_start_time_seconds",
    }  # fmt: skip


def test_series_are_bounded_and_nothing_is_lost():
    def facts(count):
        views = {f"view {n}": {"count": 2, "errors_5xx": 1, "seconds": histogram.of([0.1])} for n in range(count)}
        views["(others)"] = views.pop("view 0")  # of what was bounded before
        return {"pages": {"count": 2 * count, "errors_5xx": count, "views": views}}

    few, many = told(facts(100)), told(facts(3000))
    requests = [(dict(labels), value) for name, labels, value in many if name == "tandem_http_requests_total"]
    assert sum(value for _, value in requests) == 6000
    assert sum(value for labels, value in requests if labels["code"] == "5xx") == 3000
    assert len(many) < 3000
    # Those that had series of their own keep them, with what they had.
    for name, labels, value in few:
        if name == "tandem_http_requests_total":
            assert many.of(name, **dict(labels)) >= value


def test_the_page_names_every_metric_and_nothing_else():
    page = (ROOT / "docs/reference/metrics.md").read_text()
    rows = [line.split("|") for line in page.splitlines() if line.startswith("| `tandem_")]
    described = {name: row for row in rows for name in ON_PAGE.findall(row[1])}
    assert set(described) == set(prometheus.FAMILIES)
    for name, (_, _, kind, labels, _, _) in described.items():
        family = prometheus.FAMILIES[name]
        assert kind.strip() == family.kind, name
        assert re.findall(r"`(\w+)`", labels) == list(family.labels), name


def used(text):
    """The metrics that expressions of PromQL name, without what a histogram adds."""
    without_strings = re.sub(r'"[^"]*"', "", text)
    return {re.sub("_(bucket|sum|count)$", "", name) for name in re.findall(r"\btandem_\w+", without_strings)}


def test_the_board_asks_for_metrics_that_there_are():
    board = json.loads(BOARD.read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    asked += [one["expr"] for one in board["annotations"]["list"] if "expr" in one]
    asked += [one["query"]["query"] for one in board["templating"]["list"] if one["type"] == "query"]
    assert len(asked) > 20
    assert set().union(*map(used, asked)) <= set(prometheus.FAMILIES)
    assert any("tandem_release_info" in one.get("expr", "") for one in board["annotations"]["list"])


def test_panels_of_the_board_do_not_lie_on_each_other():
    taken = {}
    for panel in json.loads(BOARD.read_text())["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                assert (x, y) not in taken, (panel["title"], taken.get((x, y)))
                taken[x, y] = panel["title"]


def rules():
    """The rules of the file, which is written so that no library is needed to read it: name and what it has."""
    found, lines = {}, RULES.read_text().splitlines()
    for line in lines:
        assert re.fullmatch(r"(#.*|groups:|  - name: \w+|    rules:|)", line) or line.startswith("      "), line
        if started := re.fullmatch(r"      - alert: (\w+)", line):
            found[started[1]] = one = {}
        elif field := re.fullmatch(r"        (?:  )?(\w+): (.+)", line):
            one[field[1]] = field[2]
        elif line.startswith("          "):
            assert line.strip(), line
    return found


def test_the_rules_are_whole_and_ask_for_metrics_that_there_are():
    found = rules()
    assert len(found) >= 9
    for name, one in found.items():
        assert {"expr", "for", "severity", "summary", "description"} <= set(one), name
        assert re.fullmatch(r"\d+[smh]", one["for"]), name
        expression = one["expr"]
        assert expression.count("(") == expression.count(")"), name
        words = set(re.findall(r"\b(?:tandem_\w+|up)\b", re.sub(r'"[^"]*"', "", expression)))
        assert words, name
        assert used(expression) | (words & OF_PROMETHEUS) <= {*prometheus.FAMILIES, *OF_PROMETHEUS}, name
        for text in (one["summary"], one["description"]):
            assert text.startswith('"'), name
            json.loads(text)
