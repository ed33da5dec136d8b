"""The Async Server: a supervisor, its workers and their keeper."""

from __future__ import annotations

import logging
import socket

from django.db import connections

from django_tandem.config.boot import boot
from django_tandem.config.schema import AsyncServer, Tandem
from django_tandem.errors import TandemError
from django_tandem.processes import sockets
from django_tandem.processes.board import Board
from django_tandem.processes.child import ChildSpec, Death
from django_tandem.processes.supervisor import Supervisor
from django_tandem.queue import at_rest, worker
from django_tandem.queue.priority import NO_RESERVE, Reserve
from django_tandem.queue.worker import WorkerOptions
from django_tandem.queue.yielding import Yielding
from django_tandem.serve import handed as taking
from django_tandem.serve import keeper, lifeline, logs, proof
from django_tandem.serve.health import Health
from django_tandem.serve.identity import Identity, register
from django_tandem.serve.keeper import KeeperOptions
from django_tandem.serve.mailbox import Mailbox, WorkerDied
from django_tandem.serve.standing import STALE_S, Standing
from django_tandem.serve.watched import Watched, Watcher

logger = logging.getLogger("django_tandem.serve")

KEEPER, WORKER = "keeper", "worker-"


def serve(tandem: Tandem, role: str, watcher: Watcher) -> int:
    """Run the Async Server `role` until TERM or INT; returns the exit code. `watcher` watches it.

    Raises ConfigurationError, SettingsNotImportable, PortTaken, DatabaseUnreachable, NotMigrated before anything runs.
    """
    options = tandem.file.roles[role]
    assert isinstance(options, AsyncServer)  # noqa: S101 - the command chose by kind
    boot(tandem, role)
    logs.prepare()
    at_rest.encryption()  # a key that is none is told before anything runs
    handed = taking.take()
    if handed:
        proof.tasks_import(tandem)  # nothing that goes live on all roles is left to be found out by a job
    listening = handed.listening if handed else sockets.listen(options.health, f"roles.{role}.health")
    identity = register(tandem, role)
    connections.close_all()  # none may be shared with the children

    # Two rows a worker: the second for its successor, while the first is not through with what it has begun.
    board = Board(2 * options.processes, options.threads + options.coroutines)
    standing, mailbox = Standing(), Mailbox()
    watcher.begin(
        Watched(
            alias=tandem.alias,
            identity=identity,
            standing=standing,
            folder=tandem.root,
            board=board,
            processes=options.processes,
            threads=options.threads,
        )
    )
    health = Health(
        identity=identity,
        token=tandem.health_token.get_secret_value() if tandem.health_token else None,
        standing=standing,
        unready=lambda: standing.unready() or _silent_workers(board),
        metrics=watcher.metrics,
    )
    keeping = KeeperOptions(
        alias=tandem.alias,
        identity=identity,
        standing=standing,
        mailbox=mailbox,
        health=(handed.private if handed else listening, health),
        shared_health=(listening, health) if handed else None,
        loops=True,
        may_take_fence=handed is None,
        watch=watcher.run,
    )

    def on_death(death: Death) -> None:
        if death.name == KEEPER:
            standing.tell(standing.state)  # its successor begins with a full minute
            mailbox.keeper_died(living=supervisor.pids().values())
        else:
            row = board.row_of(death.pid)
            mailbox.worker_died(WorkerDied(pid=death.pid, begun=tuple(row.begun()) if row else ()))
            if row:
                row.clear()

    workers = [
        _worker(tandem, options, identity, board, number, listening, watcher) for number in range(options.processes)
    ]
    supervisor = Supervisor(
        [*workers, keeper.child(keeping)], drain_s=options.drain, on_death=on_death, on_stop=mailbox.draining
    )
    lifeline.watch(supervisor)
    code = supervisor.run()
    handed.remove() if handed else sockets.remove(options.health)
    keeper.retire(tandem.alias, identity)
    return code


def _worker(
    tandem: Tandem,
    options: AsyncServer,
    identity: Identity,
    board: Board,
    number: int,
    listening: socket.socket,
    watcher: Watcher,
) -> ChildSpec:
    """A worker on row `number` of the board; its successor is on the other row of the same name."""
    row = board.row(number)
    reserve = Reserve(options.reserve.slots, options.reserve.priority) if options.reserve else NO_RESERVE
    shares = [reserve.share(options.processes, one) for one in range(options.processes)]
    general = [options.threads - share.slots for share in shares]
    other = (number + options.processes) % (2 * options.processes)

    def body() -> int:
        listening.close()  # its keeper's
        working = WorkerOptions(
            alias=tandem.alias,
            server=identity.id,
            release=tandem.release,
            queues=tandem.queues_of(options),
            threads=options.threads,
            coroutines=options.coroutines,
            drain=options.drain,
            reserve=shares[number % options.processes],
            yielding=Yielding(identity.role, general, number % options.processes),
            recycle_jobs=options.recycle_jobs,
            recycle_memory=options.recycle_memory,
            tally=watcher.tally(),
        )
        try:
            return worker.main(working, row)
        except TandemError as error:
            logger.error("worker: %s", error)
            return error.exit_code
        finally:
            watcher.worker_ends()

    return ChildSpec(
        name=f"{WORKER}{number % options.processes}",
        body=body,
        silent_s=row.age_s,
        leaving=lambda: row.is_leaving,
        successor=lambda: _worker(tandem, options, identity, board, other, listening, watcher),
    )


def _silent_workers(board: Board) -> str | None:
    """Why jobs would not be run, or None. A worker that has not begun to turn has an age of 0."""
    ages = [board.row(number).age_s() for number in range(board.workers)]
    if not any(ages):
        return "no worker runs yet"
    return "a worker does not answer" if max(ages) > STALE_S else None
