import os

import pytest

from django_tandem.processes.board import Board


def test_a_row_holds_the_jobs_that_slots_have_begun():
    row = Board(2, 3).row(1)
    row.begin(0, 2**62)
    row.begin(2, 7)
    assert row.begun() == [2**62, 7]
    row.end(0)
    assert row.begun() == [7]


def test_rows_are_apart():
    board = Board(2, 1)
    board.row(0).begin(0, 5)
    assert board.row(1).begun() == []
    with pytest.raises(IndexError):
        board.row(2)


def test_what_a_child_writes_its_parent_reads():
    board = Board(1, 1)
    pid = os.fork()
    if pid == 0:
        board.row(0).begin(0, 9)
        board.row(0).tick()
        os._exit(0)
    os.waitpid(pid, 0)
    assert board.row(0).begun() == [9]
    assert 0 < board.row(0).age_s() < 10


def test_a_row_is_found_by_its_process():
    board = Board(2, 1)
    board.row(1).enter(77)
    board.row(1).leave()
    found = board.row_of(77)
    assert (found.pid, found.is_leaving, found.begun()) == (77, True, [])
    assert (board.row_of(78), board.row(0).is_leaving) == (None, False)
    found.clear()
    assert (board.row_of(77), board.row(1).is_leaving) == (None, False)


def test_a_cleared_row_is_that_of_a_worker_not_yet_started():
    row = Board(1, 2).row(0)
    row.begin(1, 4)
    row.tick()
    row.clear()
    assert row.begun() == []
    assert row.age_s() == 0.0
