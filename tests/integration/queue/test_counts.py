"""What waits and what runs, counted."""

import os
from datetime import datetime, timedelta, timezone

from django_tandem.queue import counts, lease
from django_tandem.queue.counts import QueueCount
from tests import jobs as shared


def test_without_jobs_there_are_no_queues_and_without_servers_none(database):
    assert counts.queues(database) == []
    assert counts.servers(database) == []


def test_jobs_are_counted_by_queue_and_state(hand):
    later = datetime.now(timezone.utc) + timedelta(hours=1)
    for queue, ready, scheduled in (("b", 3, 0), ("a", 0, 2), ("done", 1, 0)):
        for _ in range(ready):
            shared.nothing.using(queue_name=queue).enqueue()
        for _ in range(scheduled):
            shared.nothing.using(queue_name=queue, run_after=later).enqueue()
    hand.work(queues=["done"])
    hand.claim(queues=["b"])
    a, b = counts.queues(hand.connection)
    assert a == QueueCount("a", ready=0, scheduled=2, running=0, paused=0, oldest_ready_s=None)
    assert b._replace(oldest_ready_s=None) == QueueCount(
        "b", ready=2, scheduled=0, running=1, paused=0, oldest_ready_s=None
    )
    assert 0 <= b.oldest_ready_s < 60


def test_the_oldest_has_been_ready_since_its_time_came_whatever_its_priority(hand):
    past = datetime.now(timezone.utc) - timedelta(minutes=10)
    shared.nothing.using(priority=-100).enqueue()
    hand.connection.execute(
        "UPDATE tandem_job SET enqueued_at = enqueued_at - interval '1 hour', run_after = %s", [past]
    )
    shared.nothing.using(priority=100).enqueue()
    (queue,) = counts.queues(hand.connection)
    assert 600 <= queue.oldest_ready_s < 660


def test_servers_are_listed_until_they_stop(database, server, other_server):
    database.execute("UPDATE tandem_server SET heartbeat_at = now() - interval '7 s' WHERE id = %s", [other_server])
    lease.renew(database, server, "draining")
    here, there = counts.servers(database)
    assert (here.id, here.role, here.host, here.pid, here.release) == (server, "async", "here", os.getpid(), "test")
    assert (here.state, there.state) == ("draining", "active")
    assert 0 <= here.heartbeat_age_s < 5 < there.heartbeat_age_s < 60
    lease.retire(database, server)
    assert [one.id for one in counts.servers(database)] == [other_server]
