"""A process's share: its own bounds are spread below those that are set, so that siblings do not leave together."""

import psutil

from django_tandem.queue.recycle import Share


def test_without_bounds_it_is_never_done():
    share = Share(None, None)
    assert not share.is_done(10**12)
    assert share.outgrown(10**12) is None


def test_siblings_draw_different_numbers_at_most_a_tenth_below_the_bound():
    drawn = {Share(10_000, None).jobs for _ in range(50)}
    assert len(drawn) > 25
    assert min(drawn) >= 9000
    assert max(drawn) <= 10_000
    assert Share(1, None).jobs == 1


def test_it_is_done_with_the_job_that_fills_it():
    share = Share(1000, None)
    assert (share.is_done(int(share.jobs) - 1), share.is_done(int(share.jobs))) == (False, True)


def test_memory_counts_once_a_job_has_run():
    resident = psutil.Process().memory_info().rss // 1024**2
    share = Share(None, 2 * resident)
    assert share.outgrown(1) is None
    kept = b"x" * (2 * resident * 1024**2)
    assert share.outgrown(0) is None
    assert share.outgrown(1) >= len(kept) // 1024**2


def test_a_bound_that_is_passed_before_anything_ran_is_reported_and_does_not_hold(caplog):
    share = Share(None, 1)
    assert "recycle_memory is 1, and a worker that has run nothing has" in caplog.text
    assert share.outgrown(1) is None
