"""One row says which release may claim."""

import threading

import pytest

from django_tandem.errors import NotMigrated
from django_tandem.queue import fence, lease
from django_tandem.queue.fence import Fence
from tests.integration.queue.conftest import register


@pytest.fixture
def empty(database):
    database.execute("UPDATE tandem_fence SET release = NULL, epoch = 0")
    return database


def test_an_empty_fence_is_taken_by_the_first_and_stays_with_it(empty):
    assert fence.read(empty) == Fence(None, 0)
    assert fence.take_if_empty(empty, "r1") == Fence("r1", 1)
    assert fence.take_if_empty(empty, "r2") == Fence("r1", 1)
    assert fence.take_if_empty(empty, "r1") == Fence("r1", 1)
    assert fence.read(empty) == Fence("r1", 1)


def test_of_many_that_take_it_at_once_one_has_it_and_all_know_which(empty, others):
    connections, seen, start = [others() for _ in range(8)], [], threading.Barrier(8)

    def take(number):
        start.wait()
        seen.append(fence.take_if_empty(connections[number], f"r{number}"))

    threads = [threading.Thread(target=take, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert set(seen) == {fence.read(empty)}
    assert fence.read(empty).epoch == 1


def test_activating_another_release_raises_the_epoch_and_the_same_one_does_not(empty):
    assert fence.activate(empty, "r1") == Fence("r1", 1)
    assert fence.activate(empty, "r2") == Fence("r2", 2)
    assert fence.activate(empty, "r2") == Fence("r2", 2)
    assert fence.activate(empty, "r1") == Fence("r1", 3)


def test_there_is_never_a_second_row(database):
    with pytest.raises(Exception, match="tandem_fence_pkey"):
        database.execute("INSERT INTO tandem_fence DEFAULT VALUES")


def test_missing_tables_are_told_as_such(database):
    database.execute("CREATE SCHEMA bare")
    database.execute("SET search_path = bare")
    try:
        for ask in (fence.read, lambda c: fence.take_if_empty(c, "r1"), lambda c: fence.activate(c, "r1"), register):
            with pytest.raises(NotMigrated, match="run: tandem manage migrate"):
                ask(database)
        database.execute("CREATE TABLE bare.tandem_server (id bigint)")
        with pytest.raises(NotMigrated, match="missing or old"):
            lease.register(database, role="r", host="h", pid=1, release="r1", config_digest="", state="active")
    finally:
        database.execute("RESET search_path")
        database.execute("DROP SCHEMA bare CASCADE")
