"""Effective settings of all roles by name, as a manifest has them, found out for a release that the pipeline did not
build.

`python -m django_tandem.monitor.effective` prints them: in a process of its own, because this one has loaded the
settings of its role already.
"""

from __future__ import annotations

import json
import secrets
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from django_tandem.config import boot, drift
from django_tandem.config.read import from_environment, read
from django_tandem.config.schema import Tandem
from django_tandem.errors import ConfigurationError
from django_tandem.pipeline import driver
from django_tandem.processes.command import run
from django_tandem.release.named import named

TIMEOUT_S = 120.0
# So long a page waits for it: what takes longer it shows when it is asked for again.
WAIT_S = 2.0
# What failed is tried again after so long.
AGAIN_S = 30.0


class Effective(NamedTuple):
    """`digests` and `named` (see release.named) by role; `problem`: why there are none."""

    digests: Mapping[str, str]
    named: Mapping[str, Mapping[str, Any]]
    problem: str | None = None


class _Asked:
    """A process that finds them out, and a thread that waits for it."""

    def __init__(self, tandem: Tandem) -> None:
        self.answer: Effective | None = None
        self.answered_at = 0.0
        self.thread = threading.Thread(target=self._run, args=[tandem], name="finds out settings", daemon=True)
        self.thread.start()

    @property
    def is_to_be_repeated(self) -> bool:
        """Whether it failed, long enough ago."""
        failed = self.answer is not None and self.answer.problem is not None
        return failed and time.monotonic() - self.answered_at > AGAIN_S

    def _run(self, tandem: Tandem) -> None:
        try:
            answer = _ask(tandem)
        except Exception as error:  # noqa: BLE001 - told on the page
            answer = Effective({}, {}, f"{type(error).__name__}: {error}")
        self.answered_at = time.monotonic()
        self.answer = answer


_lock = threading.Lock()
_asked: dict[str, _Asked] = {}


def of(tandem: Tandem) -> Effective | None:
    """Those of `tandem` in the environment of this process, which asks once a release; None: not known yet."""
    key = f"{tandem.path} {tandem.release}"
    with _lock:
        asked = _asked.get(key)
        if asked is None or asked.is_to_be_repeated:
            asked = _asked[key] = _Asked(tandem)
    asked.thread.join(WAIT_S)
    return asked.answer


def _ask(tandem: Tandem) -> Effective:
    done = run(
        [sys.executable, "-m", __name__],
        cwd=tandem.root,
        timeout_s=TIMEOUT_S,
        env={**driver.environment(), **boot.environment(tandem, None)},
    )
    try:
        said = json.loads(done.stdout.splitlines()[-1]) if done.ok else {}
    except (ValueError, IndexError):
        said = {}
    if "named" in said:
        return Effective(said["digests"], said["named"])
    last = said.get("problems", done.stderr.strip().splitlines()[-1:])
    return Effective({}, {}, "; ".join(last) or f"it {done.ended()}")


def main() -> dict[str, Any]:
    """What is printed."""
    tandem = read()
    try:
        roles = drift.effective_of(tandem, tandem.file.roles)
    except ConfigurationError as error:
        return {"problems": error.problems}
    key = secrets.token_hex()  # marks are compared with each other only
    return {
        "digests": {one.role: one.digest for one in roles},
        "named": {one.role: named(one, key, from_environment(tandem, one.role)) for one in roles},
    }


if __name__ == "__main__":
    print(json.dumps(main()))  # noqa: T201 - the answer to the process that asked
