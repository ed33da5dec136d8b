"""Trial: an artifact must pass before anybody is asked about it. Off the serving hosts, on a database of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from django_tandem.config import secrets
from django_tandem.config.schema import Tandem
from django_tandem.errors import CannotBuild, TandemError
from django_tandem.processes.command import last_lines, run
from django_tandem.release import commands, environment, safety, store
from django_tandem.release.build import configuration_of
from django_tandem.release.compatibility import Queued, Signature, compatibility
from django_tandem.release.findings import Check, Finding, Level
from django_tandem.release.folders import aside, sweep
from django_tandem.release.hosts.places import Places
from django_tandem.release.manifest import Manifest
from django_tandem.release.project import TRIAL_SETTINGS, Project
from django_tandem.release.scratch import scratch

TESTS_S = 7200.0
TOLD_LINES = 15


@dataclass(frozen=True, kw_only=True)
class Live:
    """What the live release has: the migrations that are applied and the signatures of its tasks (a manifest has both),
    and how jobs that are queued now are called."""

    migrations: Collection[str]
    tasks: Mapping[str, Signature]
    queued: Sequence[Queued] = ()


def trial(
    tandem: Tandem,
    artifact: Path,
    *,
    live: Live | None,
    places: Places | None = None,
    variables: Mapping[str, str] | None = None,
    tests_s: float = TESTS_S,
    on_check: Callable[[Check], None] = lambda _: None,
) -> list[Check]:
    """All checks of the artifact in the folder `artifact`; each is made, also when one before it found something.

    `live` None: no release has been live. `places`, `variables`: as for build. `tests_s`: seconds that the project's
    tests may take. `on_check` hears of each check as it ends. Raises Tampered, CannotBuild when there is nothing to
    try.
    """
    places = places or Places(tandem.root / ".tandem")
    manifest = store.load(artifact)
    made = environment.of(manifest.environment, manifest.python, places.environments)
    places.log.mkdir(parents=True, exist_ok=True)
    sweep(places.build)
    with aside(places.build, manifest.release) as work, _scratch(tandem, work) as database:
        files = work / "tree"
        store.spread(artifact, manifest, files)
        theirs = configuration_of((files / tandem.path.name).resolve(), manifest.commit, variables or {})
        project = Project(tandem=theirs, environment=made, variables=variables or {}, log=work / "log")
        case = _Case(manifest=manifest, project=project, database=database, work=work, live=live, tests_s=tests_s)
        checks = []
        for name, look in CHECKS.items():
            checks.append(_made(name, look, case, places.log / f"trial-{manifest.release}-{name}.log"))
            on_check(checks[-1])
    return checks


@dataclass(frozen=True, kw_only=True)
class _Case:
    """What is tried. `database`: the URL of the scratch database, or why there is none."""

    manifest: Manifest
    project: Project
    database: str | TandemError
    work: Path
    live: Live | None
    tests_s: float
    said: dict[str, Any] = field(default_factory=dict)

    def checked(self, by: str) -> list[Finding]:
        """What Tandem's own checks say, or Django's for a deployment. Who asks first has both made, in one process: to
        start it and to import the project takes longer than they do."""
        if not self.said:
            self.said.update(self.ask("checks", {}))
        return [_message(one) for one in self.said[by]]

    def ask(self, step: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Of the project, what needs no database. What connects to one by itself meets the scratch one, if there is."""
        scratch = {} if isinstance(self.database, TandemError) else {"TANDEM_DATABASE_URL": self.database}
        return self.project.ask(step, request, self.work, **scratch)

    def on_scratch(self) -> dict[str, str]:
        """The variables that lead all that the project has of PostgreSQL to the scratch server. Raises what the trial
        met when it made one."""
        if isinstance(self.database, TandemError):
            raise self.database
        found = {"TANDEM_DATABASE_URL": self.database, "TANDEM_TRIAL_DATABASE_URL": ""}
        # Whatever reads the address that most projects read finds the scratch database too.
        named = {"DATABASE_URL": self.database} if "DATABASE_URL" in self.project.process_variables() else {}
        return {**found, **named, "DJANGO_SETTINGS_MODULE": TRIAL_SETTINGS}


def _tasks(case: _Case) -> list[Finding]:
    if case.live is None:
        return [Finding(level="note", what="no release is live: no job waits for one")]
    known = dict(case.manifest.tasks)
    if unknown := sorted({call.task for call in case.live.queued} - known.keys()):
        said = case.ask("tasks", {"paths": unknown})
        known |= said["tasks"]
    return compatibility(known, case.live.tasks, case.live.queued)


def _migrations(case: _Case) -> list[Finding]:
    if case.live is None:
        return [Finding(level="note", what="no release is live: none has to live with these migrations")]
    applied = sorted(case.live.migrations)
    if applied == sorted(case.manifest.migrations):
        return []
    said = case.project.ask("migrations", {"applied": applied}, case.work, **case.on_scratch())
    return safety.judge(said["found"], said["gone"], said["other"])


def _tests(case: _Case) -> list[Finding]:
    words = case.project.tandem.file.pipeline.tests
    if not words:
        return [Finding(level="warning", what="pipeline.tests is empty: the project's own tests are not run")]
    project = case.project
    command = commands.project_tests(project.environment.executable, words)
    try:
        done = run(
            command,
            cwd=project.tandem.root,
            timeout_s=case.tests_s,
            env=project.process_variables(**case.on_scratch()),
            log=project.log,
            low=True,
        )
    except OSError as error:
        raise CannotBuild(
            f"pipeline.tests: {words[0]} cannot be run in the release's environment ({error.strerror}): expected a "
            'program that its lock file installs, such as ["python", "manage.py", "test"]'
        ) from None
    if done.ok:
        return []
    said = "\n".join(last_lines(project.log, TOLD_LINES))
    return [
        Finding(
            level="error",
            what=f"{' '.join(words)} {done.ended()}:\n{secrets.mask(said)}",
            instead=f"Mend what fails; its whole output is in {project.log}",
        )
    ]


# In this order: what takes long comes last.
CHECKS: Mapping[str, Callable[[_Case], list[Finding]]] = {
    "configuration": lambda case: case.checked("tandem"),
    "deploy": lambda case: case.checked("deploy"),
    "tasks": _tasks,
    "migrations": _migrations,
    "tests": _tests,
}


def _made(name: str, look: Callable[[_Case], list[Finding]], case: _Case, log: Path) -> Check:
    began = time.monotonic()
    log.write_bytes(b"")
    try:
        findings = look(replace(case, project=replace(case.project, log=log)))
    except (TandemError, OSError) as error:
        findings = [Finding(level="error", what=secrets.mask(str(error)), instead=f"Mend that first; see {log}")]
    return Check(name=name, findings=findings, seconds=time.monotonic() - began, log=log)


@contextmanager
def _scratch(tandem: Tandem, work: Path) -> Iterator[str | TandemError]:
    """The scratch database's URL, or why there is none: then what needs it says so, and the rest is tried."""
    with ExitStack() as opened:
        database: str | TandemError
        try:
            database = opened.enter_context(scratch(tandem, work))
        except TandemError as error:
            database = error
        yield database


def _message(one: Mapping[str, str | None]) -> Finding:
    levels: dict[str, Level] = {"ERROR": "error", "CRITICAL": "error", "WARNING": "warning"}
    level = levels.get(one["level"] or "", "note")
    return Finding(level=level, what=f"{one['message']} ({one['id']})", instead=one["hint"] or "")
