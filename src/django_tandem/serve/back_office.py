"""The Back Office: gunicorn on the project's WSGI application, and a keeper."""

from __future__ import annotations

import os
import signal
import socket
import threading
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connections
from django.urls import get_resolver
from django.utils.module_loading import import_string

from django_tandem.config.boot import boot
from django_tandem.config.schema import BackOffice, Tandem
from django_tandem.errors import SettingsNotImportable
from django_tandem.processes import sockets
from django_tandem.processes.child import ChildSpec, Death
from django_tandem.processes.supervisor import Supervisor
from django_tandem.queue import at_rest
from django_tandem.serve import handed as taking
from django_tandem.serve import keeper, lifeline, logs
from django_tandem.serve.handed import Gate
from django_tandem.serve.health import Health, wrap
from django_tandem.serve.identity import register
from django_tandem.serve.keeper import KeeperOptions
from django_tandem.serve.mailbox import Mailbox
from django_tandem.serve.standing import Standing
from django_tandem.serve.watched import Watched, Watcher

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

SHARED_MEMORY = "/dev/shm"  # noqa: S108 - gunicorn makes its file with mkstemp


def serve(tandem: Tandem, role: str, watcher: Watcher) -> int:
    """Run the Back Office `role` until TERM or INT; returns the exit code. `watcher` watches it.

    Raises ConfigurationError, PortTaken, DatabaseUnreachable, NotMigrated before anything runs.
    """
    options = tandem.file.roles[role]
    assert isinstance(options, BackOffice)  # noqa: S101 - the command chose by kind
    boot(tandem, role)
    logs.prepare()
    at_rest.encryption()  # a key that is none is told before anything runs
    watcher.note_requests()
    application = _application(tandem)
    handed = taking.take()
    listening = handed.listening if handed else sockets.listen(options.bind, f"roles.{role}.bind")
    identity = register(tandem, role)
    connections.close_all()  # none may be shared with the children

    mailbox, standing = Mailbox(), Standing()
    watcher.begin(Watched(alias=tandem.alias, identity=identity, standing=standing, folder=tandem.root))
    gate = Gate(standing, options.processes) if handed else None
    health = Health(
        identity=identity,
        token=tandem.health_token.get_secret_value() if tandem.health_token else None,
        standing=standing,
        unready=lambda: standing.unready() or (gate.unready() if gate else None),
        behind_proxy=listening.family == socket.AF_UNIX,
        metrics=watcher.metrics,
    )
    keeping = KeeperOptions(
        alias=tandem.alias,
        identity=identity,
        standing=standing,
        mailbox=mailbox,
        health=(handed.private, replace(health, behind_proxy=False)) if handed else None,
        may_take_fence=handed is None,
        watch=watcher.run,
    )
    gunicorn = partial(_run_gunicorn, options, listening, wrap(application, health), os.getpid(), gate, watcher)

    def on_death(death: Death) -> None:
        if death.name == "keeper":
            standing.tell(standing.state)  # its successor begins with a full minute
            mailbox.keeper_died()

    def on_stop() -> None:
        # Who comes from now on is refused at once: another process that held the socket open would let them wait.
        # And who takes this server's place may bind a Unix socket there: later the file would be theirs.
        listening.close()
        if handed is None:
            sockets.remove(options.bind)
        mailbox.draining()

    supervisor = Supervisor(
        # gunicorn's arbiter forks, so it watches its parent itself, without a thread.
        [ChildSpec(name="gunicorn", body=gunicorn, orphaned=None), keeper.child(keeping, listening)],
        drain_s=options.drain,
        on_death=on_death,
        on_stop=on_stop,
    )
    lifeline.watch(supervisor)
    code = supervisor.run()
    if handed:
        handed.remove()
    keeper.retire(tandem.alias, identity)
    return code


def _application(tandem: Tandem) -> WSGIApplication:
    path = tandem.file.app.wsgi or settings.WSGI_APPLICATION
    if not path:
        raise SettingsNotImportable(
            ['app.wsgi: missing, expected the dotted path of the WSGI application, such as "office.wsgi.application"']
        )
    try:
        application: WSGIApplication = import_string(path)
    except Exception as error:  # noqa: BLE001 - whatever a project raises while it is imported
        cause = " ".join(str(error).split())
        raise SettingsNotImportable([f"{path} does not import: {type(error).__name__}: {cause}"]) from None
    return application


def _load_pages() -> None:
    """Import the views, which Django does when the first request comes: that one would wait for it, and at a switch all
    workers are asked for the first time at once. In the worker, for views may open what processes must not share."""
    with suppress(Exception):  # whatever a project raises: the first request tells it, as ever
        _ = get_resolver().reverse_dict  # what `{% url %}` needs too


def _run_gunicorn(
    options: BackOffice,
    listening: socket.socket,
    application: WSGIApplication,
    parent: int,
    gate: Gate | None,
    watcher: Watcher,
) -> int:
    """The body of gunicorn's process: its arbiter, which forks the workers that answer."""
    from gunicorn.app.base import BaseApplication
    from gunicorn.arbiter import Arbiter
    from gunicorn.workers.gthread import ThreadWorker

    class HandedDown(Arbiter):
        def stop(self, graceful: bool = True) -> None:
            self.systemd = True  # as from systemd, the socket was handed down: its file is not gunicorn's to remove
            super().stop(graceful)

        def murder_workers(self) -> None:
            # Called every second. Without its supervisor nobody would stop this server, nor replace it.
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGTERM)
            super().murder_workers()

    class Refusing(ThreadWorker):
        def run(self) -> None:
            # Beside the thread that shows gunicorn a sign of life: else it replaces a worker that imports for long.
            threading.Thread(target=_load_pages, name="tandem-pages", daemon=True).start()
            if gate is not None:
                gate.wait(self.age, self._lives)
            try:
                super().run()
            finally:
                watcher.worker_ends()

        def _lives(self) -> bool:
            self.notify()
            return self.alive and os.getppid() == self.ppid

        def set_accept_enabled(self, enabled: bool | None) -> None:
            super().set_accept_enabled(enabled)
            if not enabled and (not self.alive or os.getppid() != self.ppid):
                # gunicorn 24 and later hold the socket open while they drain: who comes would wait, to be cut off then.
                for listener in self.sockets:
                    listener.close()

    class Application(BaseApplication):
        def load_config(self) -> None:
            settings = {**_gunicorn_settings(options, listening), "worker_class": Refusing}
            for name, value in settings.items():
                if name in self.cfg.settings:
                    self.cfg.set(name, value)

        def load(self) -> Any:
            return application

        def run(self) -> None:
            HandedDown(self).run()

    Application().run()
    return 0


def _gunicorn_settings(options: BackOffice, listening: socket.socket) -> dict[str, Any]:
    return {
        "bind": f"fd://{listening.detach()}",
        "workers": options.processes,
        "threads": options.threads,
        "timeout": round(options.timeout),
        "graceful_timeout": round(options.drain),
        "proc_name": "tandem-backoffice",
        # Where its workers touch a file to show that they live: a disk that is busy must not make them look dead.
        **({"worker_tmp_dir": SHARED_MEMORY} if os.access(SHARED_MEMORY, os.W_OK) else {}),
        "accesslog": None,
        "loglevel": "warning",
        # An interface of gunicorn's own for operators, in versions that have it: Tandem's commands are the interface.
        "control_socket_disable": True,
    }
