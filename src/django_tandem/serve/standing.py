"""How a server stands: told by its keeper, read by every process of it that answers for its health."""

from __future__ import annotations

import mmap
import struct
import time

STATES = ("starting", "standby", "active", "draining", "stopped")
PROBLEMS = (None, "the database does not answer", "Tandem's tables are missing: run the migrations")
NO_PROBLEM, UNREACHABLE, NOT_MIGRATED = range(3)

# After so long without a word of the keeper nobody knows how the server stands.
STALE_S = 10.0

_ROW = struct.Struct("=bbq")


class Standing:
    """Anonymous shared memory, made before the fork. One process writes, any may read."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _ROW.size)
        self.tell("starting")

    def tell(self, state: str, problem: int = NO_PROBLEM) -> None:
        """Say how the server stands now."""
        _ROW.pack_into(self._memory, 0, STATES.index(state), problem, time.monotonic_ns())

    @property
    def state(self) -> str:
        """The state that was told last."""
        return STATES[_ROW.unpack_from(self._memory)[0]]

    def silent_s(self) -> float:
        """Seconds since it was told."""
        told: int = _ROW.unpack_from(self._memory)[2]
        return (time.monotonic_ns() - told) / 1e9

    def unready(self) -> str | None:
        """Why the server cannot do its work, or None. On standby it can: it waits for the fence."""
        state, problem, _ = _ROW.unpack_from(self._memory)
        if PROBLEMS[problem] is not None:
            return PROBLEMS[problem]
        if self.silent_s() > STALE_S:
            return "its keeper does not answer"
        return None if STATES[state] in ("standby", "active") else STATES[state]
