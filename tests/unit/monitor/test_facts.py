"""Samples add up: counts are added, of levels the highest is kept, of states the last."""

from django_tandem.monitor import facts, histogram


def sample(count, running, load, state="active", seconds=()):
    return {
        "host": {"load": [load, load, load], "cores": 2},
        "server": {"state": state},
        "tasks": {
            "running": running,
            "successful": count,
            "seconds": histogram.of(seconds),
            "tasks": {"a": {"count": count, "seconds": histogram.of(seconds)}},
        },
    }


def test_of_several_times_one():
    merged = facts.merge([sample(2, 1, 0.5, seconds=[0.1]), sample(3, 4, 0.2, "draining", seconds=[0.2, 0.3])])
    assert merged["host"] == {"load": [0.5, 0.5, 0.5], "cores": 2}
    assert merged["server"] == {"state": "draining"}
    assert (merged["tasks"]["successful"], merged["tasks"]["running"]) == (5, 4)
    assert merged["tasks"]["seconds"]["count"] == 3
    assert merged["tasks"]["tasks"]["a"]["count"] == 5


def test_the_samples_stay_as_they_are():
    one, other = sample(1, 1, 1.0, seconds=[1]), sample(1, 1, 1.0, seconds=[1])
    facts.merge([one, other])
    assert one == sample(1, 1, 1.0, seconds=[1])


def test_in_whatever_order_pieces_are_added_the_counts_are_the_same():
    some = [sample(n, n, n / 10, seconds=[n]) for n in range(1, 7)]
    at_once = facts.merge(some)
    in_pieces = facts.merge([facts.merge(some[:2]), facts.merge(some[2:])])
    assert at_once == in_pieces


def test_what_nobody_knew_is_missing():
    assert facts.merge([{}, {"database": {"waiting": 1}}, {"database": {"waiting": None}}]) == {
        "database": {"waiting": 1}
    }
