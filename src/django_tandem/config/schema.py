"""What tandem.toml may say, as frozen objects. docs/reference/tandem.toml gives the reason of every default."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StrictBool, StrictInt, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,30}$")]
DottedPath = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")]
Address = Annotated[str, StringConstraints(pattern=r"^(unix:/.+|[^\s:/]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5})$")]
Seconds = Annotated[float, Field(strict=True, gt=0, le=86_400)]
PagePath = Annotated[str, StringConstraints(pattern=r"^/\S*$")]
DashboardPath = Annotated[str, StringConstraints(pattern=r"^(/([A-Za-z0-9_-]+/)+)?$")]
LogPath = Annotated[str, StringConstraints(pattern=r"^/[^\x00-\x1f]*[^/\x00-\x1f]$")]
Ref = Annotated[str, StringConstraints(pattern=r"^\w+((\.|/|[@+-]+)\w+)*$", max_length=200)]

# The name of one that git knows, not its address: addresses hold passwords.
Remote = Annotated[str, StringConstraints(pattern=r"^\w[\w.-]*(/[\w.-]+)*$", max_length=100)]


class Frozen(BaseModel):
    """Read once, never changed; a key that is not declared is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class App(Frozen):
    """The project: its name, its own settings module, and its WSGI application where settings do not name one. `tasks`:
    whose the default task backend is, Tandem's or the project's own."""

    name: Name
    settings: DottedPath
    wsgi: DottedPath | None = None
    tasks: Literal["tandem", "own"] = "tandem"


class FromEnvironment(Frozen):
    """A value that is not written in the file: the environment variable that holds it."""

    from_env: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_]\w*$")]


class Database(Frozen):
    """The alias in DATABASES of the PostgreSQL that carries Tandem's tables. `retention_days`: how long it keeps the
    results of jobs. `encrypt_keys`, `decrypt_keys`: where the keys are under which jobs are stored."""

    alias: Name = "default"
    retention_days: Annotated[StrictInt, Field(ge=1, le=3650)] = 30
    encrypt_keys: FromEnvironment | None = None
    decrypt_keys: FromEnvironment | None = None


class Queue(Frozen):
    """A queue. `patience`: seconds that one priority level is worth; `strict`: plain priority order instead;
    `promise`: seconds within which a job that is ready should begin."""

    patience: Seconds = 10.0
    promise: Seconds = 60.0
    strict: StrictBool = False


class Overlay(Frozen):
    """Keys that the project lets roles change beyond Tandem's own list: "EMAIL_TIMEOUT", "environment.FEATURES"."""

    allow: tuple[str, ...] = ()


class RoleBase(Frozen):
    """What all roles have. `drain`: seconds that running work is given to end; `statement_timeout`: seconds."""

    processes: Annotated[StrictInt, Field(ge=1, le=1024)] = 2
    threads: Annotated[StrictInt, Field(ge=1, le=1024)] = 4
    drain: Seconds = 30.0
    statement_timeout: Seconds | None = None
    log_tag: str | None = None
    environment: Mapping[str, str | FromEnvironment] = Field(default_factory=dict)
    settings: Mapping[str, Any] = Field(default_factory=dict)


class BackOffice(RoleBase):
    """A role that answers people. `timeout`: seconds after which a silent gunicorn worker is replaced. One that is idle
    shows once a second that it lives, so a second would be too few."""

    kind: Literal["backoffice"] = "backoffice"
    bind: Address = "127.0.0.1:8000"
    timeout: Annotated[float, Field(strict=True, ge=2, le=86_400)] = 30.0


class Reserve(Frozen):
    """So many of a server's threads are kept for tasks of at least this priority."""

    slots: Annotated[StrictInt, Field(ge=1, le=1024)]
    priority: Annotated[StrictInt, Field(ge=1, le=100)]


class Pressure(Frozen):
    """When a role yields to pages: when 95 of 100 take longer than `page_p95` seconds, None for twice what
    monitor.page_promise says; when more than `waiting` sessions of the database wait. 0: never for that."""

    page_p95: Annotated[float, Field(strict=True, ge=0, le=86_400)] | None = None
    waiting: Annotated[StrictInt, Field(ge=0, le=10_000)] = 20


class AsyncServer(RoleBase):
    """A role that works through tasks. `queues`: none named means all; `coroutines`: at once, a process; a process is
    replaced after `recycle_jobs`, or when `recycle_memory` MiB are resident; `pressure`: None for the defaults."""

    kind: Literal["async"] = "async"
    health: Address = "127.0.0.1:8001"
    queues: tuple[Name, ...] = ()
    coroutines: Annotated[StrictInt, Field(ge=0, le=10_000)] = 100
    reserve: Reserve | None = None
    pressure: Pressure | None = None
    recycle_jobs: Annotated[StrictInt, Field(ge=1)] | None = None
    recycle_memory: Annotated[StrictInt, Field(ge=64, le=1_048_576)] | None = None


Role = Annotated[BackOffice | AsyncServer, Field(discriminator="kind")]


class Pipeline(Frozen):
    """How a commit becomes live. `approval_hours`: how long an approval may be given; `ref`: what is shipped, of
    `remote`, as git names it, where there is one; `tests`:
    the words of the command that runs the project's tests; `environment`: "locked", or "shared" for the interpreter
    that runs Tandem; `retain`: how many releases are kept."""

    approval: Literal["required", "none"] = "required"
    approval_hours: Annotated[StrictInt, Field(ge=1, le=720)] = 24
    while_busy: Literal["supersede", "queue", "reject"] = "supersede"
    ref: Ref = "main"
    remote: Remote | None = None
    watch_seconds: Seconds = 5.0
    watch_paths: tuple[PagePath, ...] = ("/",)
    tests: tuple[str, ...] = ("python", "manage.py", "test")
    environment: Literal["locked", "shared"] = "locked"
    retain: Annotated[StrictInt, Field(ge=1, le=100)] = 5


Event = Literal[
    "waiting for approval",
    "approved",
    "live",
    "rolled back",
    "failed",
    "rejected",
    "expired",
    "superseded",
    "cancelled",
    "orphan",
    "alarm",
    "alarm over",
]


class Notice(Frozen):
    """Who is told of what: a `webhook`, a URL, or a `command`, its words. `timeout`: seconds that an attempt may
    take."""

    events: tuple[Event, ...] = (
        "waiting for approval",
        "live",
        "rolled back",
        "failed",
        "orphan",
        "alarm",
    )
    webhook: str | FromEnvironment | None = None
    command: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    timeout: Annotated[float, Field(strict=True, gt=0, le=300)] = 10.0


class Monitor(Frozen):
    """How the fleet is watched. `dashboard`: below which path of the Back Office its pages are, "" for none;
    `page_promise`: seconds within which 95 of 100 pages should be answered; `nginx_log`: the access log of the Nginx
    before the Back Office."""

    dashboard: DashboardPath = "/tandem/"
    page_promise: Seconds = 1.0
    nginx_log: LogPath | None = None


class File(Frozen):
    """tandem.toml."""

    app: App
    database: Database = Database()
    overlay: Overlay = Overlay()
    queues: Mapping[Name, Queue] = Field(default_factory=lambda: {"default": Queue()})
    roles: Mapping[Name, Role]
    pipeline: Pipeline = Pipeline()
    notices: Mapping[Name, Notice] = Field(default_factory=dict)
    monitor: Monitor = Monitor()


class Tandem(Frozen):
    """tandem.toml and what the environment says beside it: all that the rest of the program is told."""

    file: File
    path: Path
    release: str
    database_url: SecretStr | None = None
    trial_database_url: SecretStr | None = None
    health_token: SecretStr | None = None
    queue_keys: Mapping[str, tuple[SecretStr, ...]] = Field(default_factory=dict)
    webhooks: Mapping[str, SecretStr] = Field(default_factory=dict)

    @property
    def root(self) -> Path:
        """The folder of tandem.toml: the project's."""
        return self.path.parent

    @property
    def alias(self) -> str:
        """The database alias that carries Tandem's tables."""
        return self.file.database.alias

    def pressure_of(self, role: AsyncServer) -> tuple[float, int]:
        """When a role yields: the seconds that 95 of 100 pages may take, the sessions that may wait; 0: whatever they
        are."""
        limits = role.pressure or Pressure()
        promise = self.file.monitor.page_promise
        return (2 * promise if limits.page_p95 is None else limits.page_p95), limits.waiting

    def queues_of(self, role: AsyncServer) -> tuple[str, ...]:
        """The queues that a role consumes."""
        return role.queues or tuple(self.file.queues)
