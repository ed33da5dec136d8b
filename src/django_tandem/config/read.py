"""The only reader of tandem.toml and of Tandem's environment variables."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from django_tandem.config import overlay_rules, problems, queue_keys, webhooks
from django_tandem.config.schema import AsyncServer, File, FromEnvironment, Tandem
from django_tandem.errors import ConfigurationError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE = "tandem.toml"


def read(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Tandem:
    """Read the configuration: the file `path`, else $TANDEM_CONFIG, else tandem.toml here or in a folder above.

    Also read: $TANDEM_RELEASE (else the git commit of the project's folder, else "unversioned"),
    $TANDEM_DATABASE_URL, $TANDEM_TRIAL_DATABASE_URL, $TANDEM_HEALTH_TOKEN, and the variables that the file names.
    Raises ConfigurationError with all problems, each with its key path.
    """
    environ = os.environ if environ is None else environ
    found = _find(path, environ)
    file = _parse(found)
    refused = [*_unknown_names(file), *_reserved_wholly(file), *overlay_rules.refusals(file)]
    missing = [*_missing_variables(file, environ), *queue_keys.problems(file.database, environ)]
    if wrong := [*refused, *missing, *webhooks.problems(file, environ)]:
        raise ConfigurationError([f"{found.name}: {line}" for line in wrong])
    return Tandem(
        file=file,
        path=found,
        release=environ.get("TANDEM_RELEASE") or _git_commit(found.parent) or "unversioned",
        database_url=environ.get("TANDEM_DATABASE_URL") or None,  # type: ignore[arg-type]
        trial_database_url=environ.get("TANDEM_TRIAL_DATABASE_URL") or None,  # type: ignore[arg-type]
        health_token=environ.get("TANDEM_HEALTH_TOKEN") or None,  # type: ignore[arg-type]
        queue_keys=queue_keys.read(file.database, environ),  # type: ignore[arg-type]
        webhooks=webhooks.read(file, environ),  # type: ignore[arg-type]
    )


def role_environment(tandem: Tandem, role: str, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment values that `role` adds, those that are named by variable filled in."""
    environ = os.environ if environ is None else environ
    return {
        name: environ[value.from_env] if isinstance(value, FromEnvironment) else value
        for name, value in tandem.file.roles[role].environment.items()
    }


def from_environment(tandem: Tandem, role: str) -> dict[str, str]:
    """Those environment values of `role` that are named by variable: the variable of each. What is in it is private."""
    declared = tandem.file.roles[role].environment
    return {name: value.from_env for name, value in declared.items() if isinstance(value, FromEnvironment)}


def check_role(tandem: Tandem, role: str) -> None:
    """Raise ConfigurationError when there is no such role."""
    if role not in tandem.file.roles:
        raise ConfigurationError([f"role {role} is not in {tandem.path}: {problems.suggest(role, tandem.file.roles)}"])


def _find(path: Path | None, environ: Mapping[str, str]) -> Path:
    if path is None and environ.get("TANDEM_CONFIG"):
        path = Path(environ["TANDEM_CONFIG"])
    if path is not None:
        if not path.is_file():
            raise ConfigurationError([f"{path}: no such file, expected the path of a {FILE}"])
        return path.resolve()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / FILE).is_file():
            return folder / FILE
    raise ConfigurationError([f"there is no {FILE} in {here} or above it: go to the project, or set TANDEM_CONFIG"])


def _parse(path: Path) -> File:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError([f"{path}: not TOML: {error}"]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError([f"{path}: cannot be read: {error}"]) from None
    try:
        return File.model_validate(_with_kinds(data))
    except ValidationError as error:
        raise ConfigurationError([f"{path.name}: {line}" for line in problems.describe(error)]) from None


def _with_kinds(data: dict[str, Any]) -> dict[str, Any]:
    """The two built-in roles need not say their kind."""
    roles = data.get("roles")
    if not isinstance(roles, dict):
        return data
    named = {
        name: {"kind": name, **role} if name in ("backoffice", "async") and isinstance(role, dict) else role
        for name, role in roles.items()
    }
    return {**data, "roles": named}


def _unknown_names(file: File) -> list[str]:
    wrong = []
    if not file.roles:
        wrong.append("roles: empty, expected tables [roles.backoffice] and [roles.async]")
    for name, role in file.roles.items():
        if isinstance(role, AsyncServer):
            wrong += [
                f"roles.{name}.queues: {queue!r} is not declared, {problems.suggest(queue, file.queues)}"
                for queue in role.queues
                if queue not in file.queues
            ]
    return wrong


def _reserved_wholly(file: File) -> list[str]:
    """A server whose slots are all kept for urgent tasks would leave the others in the queue for ever."""
    return [
        f"roles.{name}.reserve.slots: {role.reserve.slots}, expected at most {most} (of {most + 1} threads in "
        f"{role.processes} processes one is left for other tasks)"
        for name, role in file.roles.items()
        if isinstance(role, AsyncServer)
        and role.reserve is not None
        and role.reserve.slots > (most := role.processes * role.threads - 1)
    ]


def _missing_variables(file: File, environ: Mapping[str, str]) -> list[str]:
    return [
        f"roles.{role}.environment.{name}: the environment variable {value.from_env} is not set"
        for role, settings in file.roles.items()
        for name, value in settings.environment.items()
        if isinstance(value, FromEnvironment) and value.from_env not in environ
    ]


def _git_commit(folder: Path) -> str | None:
    """The first 12 digits of the commit that is checked out, or None outside a repository."""
    command = ["git", "-C", str(folder), "rev-parse", "--short=12", "HEAD"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return asked.stdout.strip() or None
