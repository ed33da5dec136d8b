"""Run the suite on every Python × Django pair that this machine offers: `make matrix`.

Each pair has an environment of its own in .matrix/. A pair whose interpreter is missing, or that Django itself does
not support, is named with the reason; it is not an error.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
UV = ROOT / ".venv" / "bin" / "uv"
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
# Django's own table of supported versions: docs.djangoproject.com, "What Python version can I use with Django?"
DJANGOS = {"4.2": ("3.10", "3.11", "3.12"), "5.2": PYTHONS, "6.1": ("3.12", "3.13")}


def main(pytest_arguments: list[str]) -> int:
    """Run all pairs and return the number of those that failed."""
    outcomes: dict[str, str] = {}
    for python in PYTHONS:
        interpreter = find_interpreter(python)
        for django, supported in DJANGOS.items():
            pair = f"Python {python} × Django {django}"
            if python not in supported:
                outcomes[pair] = f"skipped: Django {django} does not support Python {python}"
            elif interpreter is None:
                outcomes[pair] = f"skipped: no Python {python} on this machine"
            else:
                print(f"== {pair}", flush=True)
                outcomes[pair] = "passed" if run(interpreter, python, django, pytest_arguments) == 0 else "FAILED"
    print()
    for pair, outcome in outcomes.items():
        print(f"{pair:28} {outcome}")
    return sum(outcome == "FAILED" for outcome in outcomes.values())


def find_interpreter(python: str) -> Path | None:
    """The interpreter of this version that works, on the path or among pyenv's."""
    on_path = [Path(found)] if (found := shutil.which(f"python{python}")) else []
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    for candidate in [*on_path, *sorted(pyenv.glob(f"{python}.*/bin/python{python}"), reverse=True)]:
        asked = subprocess.run([candidate, "-c", "import ssl, sqlite3"], capture_output=True, check=False)
        if asked.returncode == 0:
            return candidate
    return None


def run(interpreter: Path, python: str, django: str, pytest_arguments: list[str]) -> int:
    """The exit code of the suite on this pair, 1 where its environment cannot be made."""
    home = ROOT / ".matrix" / f"py{python}-dj{django}"
    environment = {**os.environ, "VIRTUAL_ENV": str(home), "UV_PYTHON_DOWNLOADS": "never"}
    groups = ["--group", "test", "--group", "example"]
    install = [UV, "pip", "install", "--quiet", *groups, "--editable", ".[embedded,encrypt]"]
    for command in (
        [UV, "venv", "--quiet", "--allow-existing", "--python", interpreter, home],
        [*install, f"django=={django}.*"],
    ):
        if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
            return 1
    return subprocess.run(
        [home / "bin" / "python", "-m", "pytest", "-q", *pytest_arguments], cwd=ROOT, env=environment, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
