"""How long an attempt of a task may take, as the code here says, and how a job that runs stands to that."""

from __future__ import annotations

from typing import NamedTuple

from django_tandem.queue import results

# From which share of its timeout on an attempt is worth a look.
NEAR = 0.8


class Known(NamedTuple):
    """A task as it is here. `timeout`: seconds, None for none; `missing`: why it cannot be imported."""

    timeout: float | None = None
    missing: str | None = None

    def stands(self, age_s: float | None) -> str:
        """A badge for an attempt of this age: its look, "" for none."""
        if self.timeout is None or age_s is None or age_s < NEAR * self.timeout:
            return ""
        return "bad" if age_s > self.timeout else "warn"


def known(path: str) -> Known:
    """The task at `path`, which may have gone with its release."""
    try:
        found = results.find_task(path)
    except ImportError as error:
        return Known(missing=" ".join(str(error).split()))
    return Known(timeout=getattr(found, "timeout", None))
