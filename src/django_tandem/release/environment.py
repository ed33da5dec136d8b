"""The environment of a release: what its lock file says, made once by uv and kept by the digest of that."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from django_tandem.errors import CannotBuild, ToolMissing
from django_tandem.processes.command import Done, last_lines, run
from django_tandem.release import commands, lockfile
from django_tandem.release.folders import aside, settle

TIMEOUT_S = 1800.0

# They say which Python and which packages a process has: of the one that builds, not of the release.
OURS = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "CONDA_PREFIX", "UV_PROJECT_ENVIRONMENT", "UV_PYTHON", "UV_PROJECT")

_NEEDS = re.compile(r"^The package `(.+)` requires `(.+)`, but it's not installed", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Environment:
    """`digest` names it; `python` is its version, such as "3.11", and `executable` its interpreter.
    `is_shared`: it is the one that runs this process."""

    digest: str
    python: str
    executable: Path
    is_shared: bool = False

    def variables(self) -> dict[str, str]:
        """This process's environment variables, as a process of this environment has them."""
        if self.is_shared:
            return dict(os.environ)
        kept = {name: value for name, value in os.environ.items() if name not in OURS}
        found = self.executable.parent
        kept["PATH"] = f"{found}{os.pathsep}{kept.get('PATH', os.defpath)}"
        return {**kept, "VIRTUAL_ENV": str(found.parent)}


def prepare(tree: Path, kind: str, environments: Path, tree_digest: str, log: Path) -> Environment:
    """The environment of the files in `tree`: made below `environments` where it is not there yet.

    `kind`: "locked", or "shared" for the interpreter that runs this process. `tree_digest` counts where the lock file
    installs folders of the tree. What uv says goes to `log`. Raises CannotBuild, ToolMissing.
    """
    if kind == "shared":
        return shared()
    lock = lockfile.find(tree)
    uv = find_uv()
    python, interpreter = _python(tree)
    if lock.name == lockfile.UV_LOCK:
        _refuse_old_lock(uv, interpreter, tree, log)
    digest = lock.digest(python, tree_digest)
    folder = environments / digest
    if not folder.is_dir():
        with aside(environments, digest) as made:
            _make(uv, interpreter, lock, tree, made, log)
            settle(made, folder)
    os.utime(folder)  # who removes old ones sees that it is in use
    return Environment(digest=digest, python=python, executable=folder / "bin" / "python")


def shared() -> Environment:
    """The environment that runs this process; its digest is that of what is installed in it."""
    installed = sorted({f"{one.name}=={one.version}" for one in metadata.distributions()})
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = hashlib.sha256(json.dumps(["shared", python, installed]).encode()).hexdigest()
    return Environment(digest=digest, python=python, executable=Path(sys.executable), is_shared=True)


def of(digest: str, python: str, environments: Path) -> Environment:
    """The environment that a manifest names. Raises CannotBuild when it is not here."""
    executable = environments / digest / "bin" / "python"
    if executable.is_file():
        os.utime(environments / digest)
        return Environment(digest=digest, python=python, executable=executable)
    ours = shared()
    if ours.digest == digest:
        return ours
    raise CannotBuild(
        f"the environment {digest[:12]} of this artifact is not in {environments}, nor is it the one that runs Tandem: "
        "build the commit again"
    )


def find_uv() -> str:
    """The path of uv: beside this interpreter, else on PATH. Raises ToolMissing."""
    beside = Path(sys.executable).parent / "uv"
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("uv")
    if not found:
        raise ToolMissing(
            "uv is not found, beside this Python or on PATH, and makes the environments of releases: pip install uv, "
            'or say [pipeline] environment = "shared"'
        )
    return found


def _python(tree: Path) -> tuple[str, str]:
    """The Python version of a release, and what uv is told of it: the tree's .python-version, else the version that
    runs this process, which need not be looked for."""
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    file = tree / ".python-version"
    lines = file.read_text(encoding="utf-8").split() if file.is_file() else []
    if not lines:
        return ours, sys.executable
    match = re.fullmatch(r"(?:cpython-?|python)?(\d+\.\d+)(\.\d+)?", lines[0])
    if not match:
        raise CannotBuild(f".python-version: {lines[0]}, expected a version such as {ours}")
    exact = match[1] + (match[2] or "")
    running = ".".join(str(part) for part in sys.version_info[:3])
    return match[1], sys.executable if exact in (ours, running) else exact


def _refuse_old_lock(uv: str, python: str, tree: Path, log: Path) -> None:
    # Without the network first: a lock file that is right can be seen to be so from itself.
    if _uv(commands.lock_check(uv, python, offline=True), tree, log).ok:
        return
    if not _uv(commands.lock_check(uv, python, offline=False), tree, log).ok:
        raise CannotBuild(
            f"uv.lock is not what pyproject.toml asks for: run uv lock, and commit uv.lock ({_why(log)}; see {log})"
        )


def _make(uv: str, python: str, lock: lockfile.Lock, tree: Path, folder: Path, log: Path) -> None:
    _must(commands.make_environment(uv, python, folder), tree, log, lock)
    if lock.name == lockfile.UV_LOCK:
        _must(commands.sync_project(uv, python), tree, log, lock, environment=folder)
    else:
        _must(commands.sync_requirements(uv, folder, lock.name, hashes=lock.has_hashes), tree, log, lock)
        _refuse_gaps(uv, folder, lock, tree)
    executable = folder / "bin" / "python"
    if not run(commands.has_tandem(executable), cwd=tree, timeout_s=TIMEOUT_S, env=_variables(), log=log, low=True).ok:
        raise CannotBuild(
            f"{lock.name} does not install django-tandem, and a release runs by it: add it to the project's "
            "dependencies, lock them again, and commit"
        )


def _refuse_gaps(uv: str, folder: Path, lock: lockfile.Lock, tree: Path) -> None:
    done = run(commands.check_requirements(uv, folder), cwd=tree, timeout_s=TIMEOUT_S, env=_variables(), low=True)
    for package, needed in _NEEDS.findall(done.stderr):
        raise CannotBuild(
            f"{lock.name} does not name {needed}, which {package} requires: a lock file names everything; make one: "
            f"uv pip compile {lock.name} --generate-hashes --output-file requirements.lock"
        )


def _must(command: Sequence[str], tree: Path, log: Path, lock: lockfile.Lock, environment: Path | None = None) -> None:
    done = _uv(command, tree, log, environment)
    if not done.ok:
        raise CannotBuild(f"the environment of {lock.name} cannot be made: uv {done.ended()}: {_why(log)} (see {log})")


def _uv(command: Sequence[str], tree: Path, log: Path, environment: Path | None = None) -> Done:
    return run(command, cwd=tree, timeout_s=TIMEOUT_S, env=_variables(environment), log=log, low=True)


def _variables(environment: Path | None = None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in OURS}
    return {**kept, "NO_COLOR": "1", **({"UV_PROJECT_ENVIRONMENT": str(environment)} if environment else {})}


def _why(log: Path) -> str:
    """What uv says is wrong: the lines from its last `error` or `×` on, as one."""
    lines = last_lines(log, 20)
    starts = [n for n, line in enumerate(lines) if line.lstrip().startswith(("error", "×", "$ "))]
    said = lines[starts[-1] :] if starts else lines[-1:]
    return " ".join(" ".join(said).split())[:400]
