"""Four servers of two processes each on one database: each job is done once, by one of them."""

from collections import Counter

from django_tandem.queue.states import State
from django_tandem.queue.tasks_api import task_backends
from tests import jobs as shared
from tests.integration.queue import policies
from tests.integration.queue.conftest import register

JOBS, ATOMIC = 1500, 200


def test_four_servers_of_two_processes_share_a_backlog_and_nothing_is_doubled(
    start_worker, database, finished, results, jobs, rows, tmp_path
):
    servers = [register(database, host=f"host {number}") for number in range(4)]
    for worker in [start_worker(server=server) for server in servers for _ in range(2)]:
        worker.says("active", seconds=90)
    path = tmp_path / "lines"
    ids = task_backends["default"].enqueue_many(
        shared.append_slowly, [((str(path), str(number), 0.002), {}) for number in range(JOBS)]
    )
    ids += [policies.make_group_once.enqueue(f"group {number}").id for number in range(ATOMIC)]

    finished(len(ids), seconds=120)
    assert jobs() == []
    assert Counter(str(row["id"]) for row in results()) == Counter(ids)
    assert {(row["state"], row["attempt"]) for row in results()} == {(State.SUCCESSFUL, 1)}
    begun = Counter(line.split()[1] for line in path.read_text().splitlines() if line.startswith("begin"))
    assert begun == Counter(map(str, range(JOBS)))
    groups = Counter(row["name"] for row in rows("SELECT name FROM auth_group"))
    assert groups == Counter(f"group {number}" for number in range(ATOMIC))
    assert {row["server"] for row in results()} == set(servers)
