"""What is counted since a server began never falls, whichever keeper counts."""

import json

from django_tandem.monitor import sums, totals
from django_tandem.monitor.totals import Totals
from tests.unit.serve.test_health import IDENTITY


def sample(*views, running=0):
    pages = sums.of_requests((view, 200, 0.1, None, 0.0) for view in views)
    return {"host": {"cores": 2}, "pages": pages, "tasks": {**sums.no_tasks(), "slots": 4, "running": running}}


def render(facts, identity):
    return json.dumps({"role": identity.role, **facts}).encode()


def told(one, *samples, shared=None):
    """Count samples; what is told then."""
    for facts in samples:
        one.count(facts, shared or {})
    return json.loads(one.metrics(render, IDENTITY))


def test_counts_add_up_and_levels_are_those_of_now():
    found = told(Totals(), sample("a", "b", running=4), sample("a", running=1), shared={"database": {"waiting": 3}})
    assert (found["pages"]["count"], found["pages"]["views"]["a"]["count"]) == (3, 2)
    assert (found["tasks"]["running"], found["tasks"]["slots"]) == (1, 4)
    assert (found["host"], found["database"], found["role"]) == ({"cores": 2}, {"waiting": 3}, IDENTITY.role)


def test_a_keepers_successor_goes_on_counting():
    one = Totals()
    assert one.metrics(render, IDENTITY) is None
    told(one, sample("a", "b"))
    one.begin()
    assert told(one, sample("b"))["pages"]["views"]["b"]["count"] == 2


def test_names_that_have_no_place_any_more_are_in_the_whole_only(monkeypatch):
    monkeypatch.setattr(totals, "MOST_NAMES", 2)
    found = told(Totals(), sample("a", "(others)"), sample("b", "c", "d"), sample("a", "d"))
    assert {name: one["count"] for name, one in found["pages"]["views"].items()} == {"a": 2, "b": 1}
    assert found["pages"]["count"] == 7


def test_more_queues_than_there_is_room_for_are_left_out(caplog):
    queues = {f"queue-{number}": {"ready": number} for number in range(100_000)}
    one = Totals()
    for _ in range(2):
        found = told(one, sample("a"), shared={"queues": queues, "database": {"waiting": 3}})
        assert "queues" not in found
        assert found["database"] == {"waiting": 3}
    assert found["pages"]["count"] == 2
    assert caplog.text.count("left out") == 1
    assert told(one, sample("a"), shared={"queues": {"default": {"ready": 1}}})["queues"] == {"default": {"ready": 1}}


def test_metrics_are_made_when_they_are_asked_for_and_once_for_each_sample():
    made = []
    one = Totals()
    for count in range(1, 3):
        for _ in range(2):
            one.count(sample("a"), {})
        assert len(made) == count - 1
        texts = {one.metrics(lambda *_: made.append(1) or b"x", IDENTITY) for _ in range(3)}
        assert (texts, len(made)) == ({b"x"}, count)
