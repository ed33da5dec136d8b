"""Ask a release about itself: a step of release.inside, in the release's files and environment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django_tandem.config import boot
from django_tandem.config.schema import Tandem
from django_tandem.errors import CannotBuild, ConfigurationError
from django_tandem.processes.command import last_lines, run
from django_tandem.release import commands
from django_tandem.release.environment import Environment

TIMEOUT_S = 1800.0

TRIAL_SETTINGS = "django_tandem.release.inside.settings"
_TOO_OLD = "No module named django_tandem.release"


@dataclass(frozen=True, kw_only=True)
class Project:
    """A release's files in a folder of their own, which `tandem` describes, and the environment that they have.
    `variables` are added to this process's. What it says goes to `log`."""

    tandem: Tandem
    environment: Environment
    variables: Mapping[str, str]
    log: Path

    def ask(self, step: str, request: Mapping[str, Any], work: Path, **variables: str) -> dict[str, Any]:
        """The answer of a step of release.inside; it is written below `work` first. Raises CannotBuild, and
        ConfigurationError where the project has to be configured otherwise."""
        answer = work / f"{step}.json"
        done = run(
            commands.inside(self.environment.executable, step, answer),
            cwd=self.tandem.root,
            timeout_s=TIMEOUT_S,
            env=self.process_variables(**variables),
            log=self.log,
            given=json.dumps(request),
            low=True,
        )
        if not done.ok or not answer.is_file():
            last = " ".join(last_lines(self.log, 1))
            if _TOO_OLD in last:
                raise CannotBuild("the lock file has a django-tandem that is too old for this one: upgrade it")
            raise CannotBuild(f"{step} of release {self.tandem.release} {done.ended()}: {last} (see {self.log})")
        said: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
        if said.get("is_configuration"):
            raise ConfigurationError(said["problems"])
        if "problems" in said:
            raise CannotBuild("\n".join(said["problems"]))
        return said

    def process_variables(self, **variables: str) -> dict[str, str]:
        """The environment variables of a process of this release, which has no role."""
        ours = {**self.environment.variables(), **self.variables}
        ours.pop("TANDEM_ROLE", None)
        return {**ours, **boot.environment(self.tandem, None), "PYTHONDONTWRITEBYTECODE": "1", **variables}
