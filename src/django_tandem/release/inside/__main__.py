"""`python -m django_tandem.release.inside STEP ANSWER`: a request as JSON on stdin, the answer as JSON in a file."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django_tandem.errors import ConfigurationError, TandemError

STEPS = ("describe", "checks", "migrations", "tasks")


def main(words: Sequence[str]) -> None:
    """Do the step that `words` name; what an operator has to mend is an answer too."""
    step, answer = words
    if step not in STEPS:
        raise SystemExit(f"{step}: no such step, expected one of {', '.join(STEPS)}")
    request = json.load(sys.stdin)
    answered: dict[str, Any]
    try:
        answered = importlib.import_module(f"django_tandem.release.inside.{step}").answer(request)
    except TandemError as error:
        answered = {"problems": str(error).splitlines(), "is_configuration": isinstance(error, ConfigurationError)}
    Path(answer).write_text(json.dumps(answered), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
