"""What is counted since a server began never falls, whichever keeper counts."""

import json

import pytest

from django_tandem.monitor import sums, totals
from django_tandem.monitor.totals import Totals
from tests.unit.serve.test_health import IDENTITY


def sample(*views, running=0):
    pages = sums.of_requests((view, 200, 0.1, None, 0.0) for view in views)
    return {"host": {"cores": 2}, "pages": pages, "tasks": {**sums.no_tasks(), "slots": 4, "running": running}}


def render(facts, identity):
    return json.dumps({"role": identity.role, **facts}).encode()


@pytest.fixture
def publish(monkeypatch):
    """Count samples and publish; what is told then."""
    monkeypatch.setattr(totals, "RENDER_PAUSE", 0)

    def publish(one, *samples):
        for facts in samples:
            one.count(facts)
        one.publish(render, samples[-1], IDENTITY)
        return json.loads(one.metrics())

    return publish


def test_counts_add_up_and_levels_are_those_of_now(publish):
    told = publish(Totals(), sample("a", "b", running=4), sample("a", running=1))
    assert (told["pages"]["count"], told["pages"]["views"]["a"]["count"]) == (3, 2)
    assert (told["tasks"]["running"], told["tasks"]["slots"], told["host"]) == (1, 4, {"cores": 2})


def test_a_keepers_successor_goes_on_counting(publish):
    one = Totals()
    assert one.metrics() is None
    publish(one, sample("a", "b"))
    one.begin()
    assert publish(one, sample("b"))["pages"]["views"]["b"]["count"] == 2


def test_names_that_have_no_place_any_more_are_in_the_whole_only(publish, monkeypatch):
    monkeypatch.setattr(totals, "MOST_NAMES", 2)
    told = publish(Totals(), sample("a", "(others)"), sample("b", "c", "d"), sample("a", "d"))
    assert {name: one["count"] for name, one in told["pages"]["views"].items()} == {"a": 2, "b": 1}
    assert told["pages"]["count"] == 7


def test_what_is_too_long_is_cut_between_two_metrics(monkeypatch, caplog):
    family = b"# HELP %s what it is\n# TYPE %s gauge\n%s 1\n"
    monkeypatch.setattr(totals, "MOST_BYTES", 130)
    one = Totals()
    text = b"".join(family % (name, name, name) for name in (b"first", b"second", b"third"))
    one.publish(lambda *_: text, {}, IDENTITY)
    assert one.metrics() == b"".join(family % (name, name, name) for name in (b"first", b"second"))
    one._render_at = 0.0
    one.publish(lambda *_: b"x" * 131, {}, IDENTITY)
    assert one.metrics().startswith(b"# HELP first")
    assert caplog.text.count("left out") == 1


def test_metrics_that_take_long_are_made_seldom(monkeypatch):
    made = []
    one = Totals()
    monkeypatch.setattr(totals, "RENDER_PAUSE", 1e9)
    for _ in range(3):
        one.publish(lambda *_: made.append(1) or b"x", {}, IDENTITY)
    assert made == [1]
