"""The words of every program that a release is built with: pure functions to argument lists, without a shell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

# Once for all servers of all releases with the same lock file: else each of them compiles what it imports where
# nothing may be written beside it, as PYTHONDONTWRITEBYTECODE says in many containers, and the first does elsewhere.
_COMPILED = "--compile-bytecode"


def lock_check(uv: str, python: str, *, offline: bool) -> list[str]:
    """Whether uv.lock is what pyproject.toml asks for."""
    return [uv, "lock", "--check", "--python", python, *(["--offline"] if offline else [])]


def make_environment(uv: str, python: str, folder: Path) -> list[str]:
    """An empty environment that works where it is renamed to."""
    return [uv, "venv", "--quiet", "--relocatable", "--python", python, str(folder)]


def sync_project(uv: str, python: str) -> list[str]:
    """What uv.lock says, without the project itself: that is the tree."""
    return [uv, "sync", "--frozen", "--no-install-project", "--no-editable", _COMPILED, "--python", python]


def sync_requirements(uv: str, environment: Path, file: str, *, hashes: bool) -> list[str]:
    """What a file of requirements says, and nothing else."""
    required = ["--require-hashes"] if hashes else []
    return [uv, "pip", "sync", _COMPILED, "--python", str(environment / "bin" / "python"), *required, file]


def check_requirements(uv: str, environment: Path) -> list[str]:
    """Whether all that the installed distributions require is installed."""
    return [uv, "pip", "check", "--python", str(environment / "bin" / "python")]


def has_tandem(python: Path) -> list[str]:
    """Whether an environment has django-tandem: exit code 1 when it has not. -I: the tree does not count."""
    look = "import importlib.util as u, sys; sys.exit(u.find_spec('django_tandem') is None)"
    return [str(python), "-I", "-c", look]


def inside(python: Path, step: str, answer: Path) -> list[str]:
    """A step that looks at the project from within: see release.inside."""
    return [str(python), "-m", "django_tandem.release.inside", step, str(answer)]


def project_tests(python: Path, words: Sequence[str]) -> list[str]:
    """The project's own tests; `python` in them is the environment's."""
    first = str(python) if words[0] in ("python", "python3") else words[0]
    return [first, *words[1:]]


def manage(python: Path, *words: str) -> list[str]:
    """A management command of the release."""
    return [str(python), "-m", "django_tandem", "manage", *words]


def serve(python: Path, role: str) -> list[str]:
    """The server of a role."""
    return [str(python), "-m", "django_tandem", "serve", role]


def settings_digest(python: Path) -> list[str]:
    """The effective settings of a role, and their digest."""
    return [str(python), "-m", "django_tandem.config.drift"]
