"""Wake: a FIFO by which a hook ends a watch's wait. Whoever writes needs no database, no Python and no answer."""

from __future__ import annotations

import os
import select
import stat
from contextlib import suppress
from pathlib import Path

from django_tandem.errors import Refused


class Wake:
    """The FIFO at `path`, as long as the `with` block lasts; it is left there. Raises Refused where something else is.

    Every local user who reaches it may write to it, which says nothing but "look".
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ended, self._end = os.pipe()

    def __enter__(self) -> Wake:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.mkfifo(self.path)
        if not stat.S_ISFIFO(self.path.lstat().st_mode):
            raise Refused(f"{self.path} is no FIFO: remove it, hooks wake the watch by one of this name")
        with suppress(PermissionError):  # another user's watch made it
            self.path.chmod(0o622)
        # Open for writing too: it would be at its end whenever the last hook has written.
        self._fifo = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in (self._fifo, self._ended, self._end):
            os.close(descriptor)

    def wait(self, seconds: float) -> bool:
        """Wait until somebody writes, for `seconds`, or until `end`; False after that."""
        ready, _, _ = select.select([self._fifo, self._ended], [], [], seconds)
        if self._fifo in ready:
            with suppress(BlockingIOError):  # another watch has read it
                while os.read(self._fifo, 4096):
                    pass
        return self._ended not in ready

    def end(self) -> None:
        """Nobody is to wait any more. From any thread."""
        os.write(self._end, b".")
