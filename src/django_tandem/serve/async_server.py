"""The Async Server: a supervisor, its workers and their keeper."""

from __future__ import annotations

import logging
from functools import partial

from django.db import connections

from django_tandem.config.boot import boot
from django_tandem.config.schema import AsyncServer, Tandem
from django_tandem.errors import TandemError
from django_tandem.processes.board import Board
from django_tandem.processes.child import ChildSpec, Death
from django_tandem.processes.supervisor import Supervisor
from django_tandem.queue import worker
from django_tandem.queue.worker import WorkerOptions
from django_tandem.serve import keeper, lifeline, logs
from django_tandem.serve.address import listen
from django_tandem.serve.identity import Identity, register
from django_tandem.serve.keeper import KeeperOptions, Mailbox

logger = logging.getLogger("django_tandem.serve")

WORKER = "worker-"


def serve(tandem: Tandem, role: str) -> int:
    """Run the Async Server `role` until TERM or INT; returns the exit code.

    Raises SettingsNotImportable, PortTaken, DatabaseUnreachable, NotMigrated before anything runs.
    """
    options = tandem.file.roles[role]
    assert isinstance(options, AsyncServer)  # noqa: S101 - the command chose by kind
    boot(tandem, role)
    logs.prepare()
    health = listen(options.health, f"roles.{role}.health")
    identity = register(tandem, role)
    connections.close_all()  # none may be shared with the children

    board = Board(options.processes, options.threads + options.coroutines)
    mailbox = Mailbox()
    keeping = KeeperOptions(
        alias=tandem.alias,
        identity=identity,
        token=tandem.health_token.get_secret_value() if tandem.health_token else None,
        inbox=mailbox.read,
        health=health,
        loops=True,
        oldest_tick_s=lambda: max(board.row(number).age_s() for number in range(board.workers)),
    )
    children = [_worker(tandem, options, identity, board, number) for number in range(options.processes)]
    children.append(
        ChildSpec(name="keeper", body=partial(keeper.main, keeping), orphaned=keeper.orphaned(keeping), last=True)
    )

    def on_death(death: Death) -> None:
        if death.name != "keeper":
            row = board.row(int(death.name.removeprefix(WORKER)))
            mailbox.worker_died(death.pid, row.begun())
            row.clear()

    supervisor = Supervisor(children, drain_s=options.drain, on_death=on_death, on_stop=mailbox.draining)
    lifeline.watch(supervisor)
    return supervisor.run()


def _worker(tandem: Tandem, options: AsyncServer, identity: Identity, board: Board, number: int) -> ChildSpec:
    row = board.row(number)

    def body() -> int:
        try:
            return worker.main(
                WorkerOptions(
                    alias=tandem.alias,
                    server=identity.id,
                    release=tandem.release,
                    queues=tandem.queues_of(options),
                    threads=options.threads,
                    coroutines=options.coroutines,
                    drain=options.drain,
                ),
                row,
            )
        except TandemError as error:
            logger.error("worker: %s", error)
            return error.exit_code

    return ChildSpec(name=f"{WORKER}{number}", body=body, silent_s=row.age_s)
