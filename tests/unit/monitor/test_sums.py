"""Sums of what was noted: each is counted once, in the whole and under its name."""

import json

import pytest

from django_tandem.monitor import sums
from django_tandem.monitor.facts import merge
from django_tandem.queue.states import State


def request(view="home", status=200, seconds=0.1, header=None, read_at=0.0):
    return (view, status, seconds, header, read_at)


def test_requests_are_counted_by_view_and_by_how_they_ended():
    pages = sums.of_requests(
        [
            request(),
            request(status=404, view=None),
            request(status=499),
            request(status=500, seconds=2.0),
            request(status=504, view="slow"),
            request(header="t=1790000000.000", read_at=1790000000.4),
            request(header="yesterday", read_at=1790000000.4),
        ]
    )
    counts = {name: pages[name] for name in ("count", "errors_4xx", "errors_5xx", "timeouts")}
    assert counts == {"count": 7, "errors_4xx": 2, "errors_5xx": 2, "timeouts": 2}
    by_view = {view: (one["count"], one["errors_5xx"]) for view, one in pages["views"].items()}
    assert by_view == {"home": (5, 1), "(no view)": (1, 0), "slow": (1, 1)}
    assert (pages["seconds"]["count"], pages["queue_seconds"]["count"]) == (7, 1)
    assert pages["queue_seconds"]["sum"] == pytest.approx(0.4)


def test_jobs_are_counted_by_task_and_attempts_that_begin_again_apart():
    tasks = sums.of_jobs(
        [
            ("a", State.SUCCESSFUL, 0.1, False),
            ("a", State.SCHEDULED, 0.2, False),
            ("a", State.FAILED, 0.3, False),
            ("b", State.SUCCESSFUL, 0.4, True),  # an atomic job: settled, and its own
            ("b", State.FAILED, 0.5, True),  # it had been given to another
        ]
    )
    assert {name: tasks[name] for name in ("successful", "failed", "retried")} == {
        "successful": 2, "failed": 1, "retried": 1,
    }  # fmt: skip
    assert {task: (one["count"], one["failed"], one["retried"]) for task, one in tasks["tasks"].items()} == {
        "a": (2, 1, 1),
        "b": (1, 0, 0),
    }
    assert tasks["seconds"]["count"] == 4


def many(views):
    return {"pages": sums.of_requests(request(f"v{n}") for n in range(views) for _ in range(n + 1))}


def test_the_names_that_count_most_stay_and_the_rest_is_added_up():
    whole = many(10)
    some = sums.bounded(whole, 4)
    assert {name: one["count"] for name, one in some["pages"]["views"].items()} == {
        "v7": 8, "v8": 9, "v9": 10, "(others)": 28,
    }  # fmt: skip
    assert some["pages"]["count"] == whole["pages"]["count"] == 55
    # Bounded again, with what is new, the others stay the others.
    again = sums.bounded(merge([some, {"pages": sums.of_requests([request("new")])}]), 4)
    assert {name: one["count"] for name, one in again["pages"]["views"].items()} == {
        "v7": 8, "v8": 9, "v9": 10, "(others)": 29,
    }  # fmt: skip
    assert sums.bounded(whole, 10) == whole


def test_pieces_add_up_to_the_whole_and_fit_datagrams():
    whole = sums.bounded({**many(300), "tasks": sums.of_jobs([("a", State.SUCCESSFUL, 1.0, False)])})
    pieces = list(sums.pieces(whole))
    assert merge(pieces) == whole
    assert len(pieces) == 200 / sums.NAMES_A_PIECE + 1
    assert max(len(sums.written(piece)) for piece in pieces) < 16_000
    assert json.loads(sums.written(pieces[-1])) == pieces[-1]
