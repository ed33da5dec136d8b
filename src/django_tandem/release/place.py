"""Place: an artifact becomes a folder on each host, and a leg for each role that the host plays."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from django_tandem.config import boot
from django_tandem.config.schema import BackOffice, Tandem
from django_tandem.errors import CannotBuild, ConfigurationError, HostFailed
from django_tandem.processes.command import last_lines, run
from django_tandem.release import commands, environment, store
from django_tandem.release.asked import headers_of
from django_tandem.release.build import configuration_of
from django_tandem.release.environment import Environment
from django_tandem.release.hosts.host import Host
from django_tandem.release.hosts.places import Places
from django_tandem.release.leg import Expected, Leg
from django_tandem.release.manifest import Manifest

# What `manage.py migrate` says before each, and the last line of a traceback.
_APPLYING = re.compile(r" *Applying (\S+?)\.\.\.(?! OK)")
_ERROR = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt)\b")

DIGEST_S = 120.0
MIGRATE_S = 7200.0


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A release where it is served, as its own tandem.toml says: a leg for each role of each host. `variables` are the
    environment variables of its processes beside those of its environment."""

    tandem: Tandem
    manifest: Manifest
    environment: Environment
    variables: Mapping[str, str] = field(repr=False)
    legs: Sequence[Leg]

    @property
    def name(self) -> str:
        """Its name, which the fence has."""
        return self.manifest.release

    @property
    def hosts(self) -> list[Host]:
        """Those that it has legs on."""
        return list({leg.host.name: leg.host for leg in self.legs}.values())

    @property
    def pages(self) -> list[Leg]:
        """The legs that answer people."""
        return [leg for leg in self.legs if isinstance(self.tandem.file.roles[leg.role], BackOffice)]


def place(
    tandem: Tandem,
    digest: str,
    hosts: Sequence[Host],
    places: Places,
    variables: Mapping[str, str],
    *,
    embedded: str | None = None,
) -> Placed:
    """Have the artifact `digest` unpacked on all hosts, in its environment; nothing of it is started. `embedded`: the
    folder of an embedded database that its servers need.

    Raises Tampered, CannotBuild, ConfigurationError, HostFailed.
    """
    artifact = places.artifacts / digest
    manifest = store.load(artifact)
    for host in hosts:
        host.put(artifact)
    try:
        files = store.unpack(artifact, places.releases)
    except OSError as error:
        names = ", ".join(host.name for host in hosts)
        raise HostFailed(f"host {names}: {manifest.release} cannot be put there: {error}") from None
    theirs = configuration_of(files / tandem.path.name, manifest.commit, variables)
    if theirs.file.pipeline.environment == "shared":
        made = environment.shared()  # whatever is installed there by now: that is what it means
    else:
        made = environment.of(manifest.environment, manifest.python, places.environments)
    legs = [_leg(theirs, role, host, made, variables, embedded) for host in hosts for role in theirs.file.roles]
    return Placed(tandem=theirs, manifest=manifest, environment=made, variables=variables, legs=legs)


def migrate(placed: Placed, log: Path) -> None:
    """Apply the migrations of a release. Raises CannotBuild, with what it said last."""
    words = commands.manage(placed.environment.executable, "migrate", "--noinput")
    ours = _process_variables(placed.tandem, None, placed.environment, placed.variables)
    done = run(words, cwd=placed.tandem.root, timeout_s=MIGRATE_S, env=ours, log=log)
    if not done.ok:
        raise CannotBuild(f"migrate of {placed.name} {done.ended()}: {_why(log)} (see {log})")


def _why(log: Path) -> str:
    """The migration that was being applied, and the error that ended it: behind that the database may say more."""
    lines = last_lines(log, 500)
    applying = [found[1] for line in lines if (found := _APPLYING.match(line))][-1:]
    errors = [line for line in lines if _ERROR.match(line)][-1:] or list(lines[-1:])
    checked = [after for line, after in itertools.pairwise(lines) if line == "ERRORS:"][-1:]
    return ": ".join([*applying, *(checked or errors)])


def _leg(
    theirs: Tandem, name: str, host: Host, made: Environment, variables: Mapping[str, str], embedded: str | None
) -> Leg:
    role = theirs.file.roles[name]
    ours = _process_variables(theirs, name, made, variables)
    return Leg(
        role=name,
        host=host,
        release=theirs.release,
        address=role.bind if isinstance(role, BackOffice) else role.health,
        words=commands.serve(made.executable, name),
        environment=ours,
        folder=str(theirs.root),
        drain_s=role.drain,
        expect=partial(_expected, theirs, name, made, ours),
        embedded=embedded,
    )


def _expected(theirs: Tandem, role: str, made: Environment, variables: Mapping[str, str]) -> Expected:
    """By the settings that a server of the role should have: found out in a process like it."""
    words = commands.settings_digest(made.executable)
    done = run(words, cwd=theirs.root, timeout_s=DIGEST_S, env=variables, low=True)
    if not done.ok:
        last = "".join(f": {line}" for line in done.stderr.strip().splitlines()[-1:])
        raise CannotBuild(f"roles.{role}: the settings of {theirs.release} do not load{last}")
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if "problems" in said:
        raise ConfigurationError(said["problems"])
    return Expected(said["digest"], headers_of(said["settings"]))


def _process_variables(
    theirs: Tandem, role: str | None, made: Environment, variables: Mapping[str, str]
) -> dict[str, str]:
    ours = {**made.variables(), **variables}
    ours.pop("TANDEM_ROLE", None)
    return {**ours, **boot.environment(theirs, role)}
