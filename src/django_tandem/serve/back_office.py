"""The Back Office: gunicorn on the project's WSGI application, and a keeper."""

from __future__ import annotations

import os
import signal
import socket
from functools import partial
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connections
from django.db.utils import Error as DatabaseError
from django.utils.module_loading import import_string

from django_tandem.config.boot import boot
from django_tandem.config.schema import BackOffice, Tandem
from django_tandem.errors import SettingsNotImportable
from django_tandem.processes.child import ChildSpec
from django_tandem.processes.supervisor import Supervisor
from django_tandem.serve import health, keeper, lifeline, logs
from django_tandem.serve.address import listen
from django_tandem.serve.health import Health
from django_tandem.serve.identity import register
from django_tandem.serve.keeper import KeeperOptions, Mailbox

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


def serve(tandem: Tandem, role: str) -> int:
    """Run the Back Office `role` until TERM or INT; returns the exit code.

    Raises SettingsNotImportable, PortTaken, DatabaseUnreachable, NotMigrated before anything runs.
    """
    options = tandem.file.roles[role]
    assert isinstance(options, BackOffice)  # noqa: S101 - the command chose by kind
    boot(tandem, role)
    logs.prepare()
    application = _application(tandem)
    listening = listen(options.bind, f"roles.{role}.bind")
    identity = register(tandem, role)
    connections.close_all()  # none may be shared with the children

    mailbox = Mailbox()
    token = tandem.health_token.get_secret_value() if tandem.health_token else None
    keeping = KeeperOptions(alias=tandem.alias, identity=identity, token=token, inbox=mailbox.read)
    answering = Health(identity=identity, token=token, state=lambda: "active", unready=partial(_unready, tandem.alias))
    children = [
        # Its arbiter forks, so it watches its parent itself, without a thread.
        ChildSpec(
            name="gunicorn",
            body=partial(_run_gunicorn, options, listening, health.wrap(application, answering), os.getpid()),
            orphaned=None,
        ),
        ChildSpec(name="keeper", body=partial(keeper.main, keeping), orphaned=keeper.orphaned(keeping), last=True),
    ]
    supervisor = Supervisor(children, drain_s=options.drain, on_stop=mailbox.draining)
    lifeline.watch(supervisor)
    return supervisor.run()


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


def _unready(alias: str) -> str | None:
    """Why pages cannot be served, or None."""
    try:
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "the database does not answer"
    finally:
        connections[alias].close_if_unusable_or_obsolete()
    return None


def _run_gunicorn(options: BackOffice, listening: socket.socket, application: WSGIApplication, parent: int) -> int:
    """The body of gunicorn's process: its arbiter, which forks the workers that answer."""
    from gunicorn.app.base import BaseApplication
    from gunicorn.arbiter import Arbiter

    class Orphanable(Arbiter):
        def murder_workers(self) -> None:
            # Called every second. Without its supervisor nobody would stop this server, nor replace it.
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGTERM)
            super().murder_workers()

    class Application(BaseApplication):
        def load_config(self) -> None:
            for name, value in _gunicorn_settings(options, listening).items():
                if name in self.cfg.settings:
                    self.cfg.set(name, value)

        def load(self) -> Any:
            return application

        def run(self) -> None:
            Orphanable(self).run()

    Application().run()
    return 0


def _gunicorn_settings(options: BackOffice, listening: socket.socket) -> dict[str, Any]:
    return {
        "bind": f"fd://{os.dup(listening.fileno())}",
        "worker_class": "gthread",
        "workers": options.processes,
        "threads": options.threads,
        "timeout": round(options.timeout),
        "graceful_timeout": round(options.drain),
        "proc_name": "tandem-backoffice",
        "accesslog": None,
        "loglevel": "warning",
        # An interface of gunicorn's own for operators, in versions that have it: Tandem's commands are the interface.
        "control_socket_disable": True,
    }
