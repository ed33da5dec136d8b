"""Before and since: the same figures on both sides of the newest move that has both."""

from datetime import datetime, timedelta, timezone

from django_tandem.monitor import histogram
from django_tandem.monitor.changed import changed
from django_tandem.monitor.moves import Move, _first_seen, _together
from django_tandem.monitor.steps import OF_FLEET, OF_SERVERS, Line, Steps

START = datetime(2026, 5, 4, 12, tzinfo=timezone.utc)
COUNT, STEP_S = 20, 5


def at(index):
    return START + timedelta(seconds=STEP_S * index)


def move(index, label="new"):
    return Move(at(index), label, f"release {label} became live")


def line(role, kind, host="web1", **values):
    whole = {name: values.get(name, [None] * COUNT) for name in OF_SERVERS}
    pages = values.get("p95", [None] * COUNT)
    return Line(role, host, kind, whole, [[histogram.of([one])] if one else [] for one in pages])


def steps(*lines, there=range(COUNT), **fleet):
    whole = {name: fleet.get(name, [None] * COUNT) for name in OF_FLEET}
    seen = [(at(index), {"r"}) for index in there]
    return Steps(start=START, step_s=STEP_S, count=COUNT, lines=list(lines), fleet=whole, seen=seen)


def rows(found):
    return {one.what: (one.before, one.since) for one in found.differences}


def test_the_split_takes_over():
    office = line("backoffice", "office", load=[3.8] * 10 + [0.3] * 10, p95=[2.0] * 10 + [0.1] * 10)
    worker = line("async", "async", "work1", load=[None] * 10 + [1.5] * 10, successful=[None] * 10 + [600.0] * 10)
    found = changed(steps(office, worker, ready=[900.0] * 10 + [40.0] * 10), [move(10)])
    told = rows(found)
    assert found.move.label == "new"
    assert [round(one, 2) for one in told["load ÷ cores of web1"]] == [3.8, 0.3]
    assert told["load ÷ cores of work1"] == (None, 1.5)
    before, since = told["95 of 100 pages within"]
    assert (before > 1.5, since < 0.15) == (True, True)
    assert told["jobs finished a minute"] == (None, 600.0)
    assert told["jobs ready, at most"] == (900.0, 40.0)


def test_a_monolith_and_the_servers_that_it_became_are_compared_where_they_share_a_host():
    before, since = [3.0] * 10 + [None] * 10, [None] * 10 + [1.0] * 10
    monolith = line("monolith", "office", load=before, p95=[4.0] * 10 + [None] * 10, pages=[60.0] * 10 + [None] * 10)
    office = line("backoffice", "office", load=since, p95=[None] * 10 + [0.2] * 10, pages=[None] * 10 + [70.0] * 10)
    worker = line("async", "async", load=since)
    made = steps(monolith, office, worker)
    (came,) = moves_of(made)
    assert came.text == "Async Server on web1 and Back Office on web1 came"
    told = rows(changed(made, [came]))
    assert told["load ÷ cores of web1"] == (3.0, 1.0)
    assert told["requests a minute"] == (60.0, 70.0)
    slow, quick = told["95 of 100 pages within"]
    assert slow > 3 > 0.3 > quick


def moves_of(made):
    return _together(made.came())


def test_the_step_of_the_move_is_on_neither_side_and_both_are_as_long():
    loads = [9.0] * 10 + [1.0] * 5 + [7.0] + [2.0] * 4
    told = rows(changed(steps(line("backoffice", "office", load=loads)), [move(15)]))
    assert told["load ÷ cores of web1"] == (1.0, 2.0)


def test_an_earlier_move_ends_the_time_before():
    loads = [9.0] * 8 + [1.0] * 4 + [2.0] * 8
    told = rows(changed(steps(line("backoffice", "office", load=loads)), [move(8, "old"), move(12)]))
    assert told["load ÷ cores of web1"] == (1.0, 2.0)


def test_a_move_without_a_time_before_or_since_tells_nothing():
    office = line("backoffice", "office", load=[1.0] * COUNT)
    assert changed(steps(office), [move(COUNT - 1)]) is None
    assert changed(steps(office, there=range(10, COUNT)), [move(10)]) is None
    assert changed(steps(office), []) is None
    assert changed(steps(office), [move(5, "told"), move(COUNT - 1)]).move.label == "told"


def test_a_release_is_new_where_it_was_not_just_before():
    seen = [{"a"}, {"a"}, {"a", "b"}, {"b"}, {"a"}, {"b"}, *[{"b"}] * 5, {"a"}]
    found = _first_seen((at(index), releases) for index, releases in enumerate(seen))
    assert found == [(at(2), "b"), (at(11), "a")]
