"""The access log of the Nginx before a Back Office: who went away, or was sent away, before an answer came.

That a request timed out is known there and not here: the person left (499), no server answered (502), or none in time
(504). https://nginx.org/en/docs/http/ngx_http_log_module.html, format `combined`, or one that begins with it.
"""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import BinaryIO

logger = logging.getLogger("django_tandem.monitor")

# After the request, which has no quote in it: Nginx writes one as \x22.
_TIMED_OUT = re.compile(rb'" (?:499|502|504) \d+')

# In one look; what comes faster is passed over.
MOST_BYTES = 16 * 1024 * 1024


class NginxLog:
    """Reads what is written from now on, also when the file is moved away or cut short."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._rest = b""
        self._told: set[str] = set()

    def look(self) -> int | None:
        """How many requests timed out since the last look; None where that cannot be read."""
        if self._file is None:
            if not self._open(at_end=True):
                return None
            return 0
        counted = self._count()
        if self._was_moved() and self._open(at_end=False):
            counted += self._count()
        return counted

    def skip(self) -> None:
        """What was written until now is not this server's."""
        self.close()
        self._open(at_end=True)

    def close(self) -> None:
        """Read no more."""
        if self._file is not None:
            self._file.close()
        self._file, self._rest = None, b""

    def _count(self) -> int:
        assert self._file is not None  # noqa: S101 - both callers have opened it
        size, at = os.fstat(self._file.fileno()).st_size, self._file.tell()
        if size < at:  # cut short, and written anew
            self._file.seek(0)
            self._rest = b""
        elif size - at > MOST_BYTES:
            self._tell("more was written than can be read: some of it is passed over")
            self._file.seek(size - MOST_BYTES)
            self._rest = b""
        whole, end, self._rest = (self._rest + self._file.read(MOST_BYTES)).rpartition(b"\n")
        return len(_TIMED_OUT.findall(whole + end))

    def _was_moved(self) -> bool:
        assert self._file is not None  # noqa: S101 - its caller has opened it
        try:
            there, mine = self._path.stat(), os.fstat(self._file.fileno())
        except OSError:
            return False  # its successor is not there yet
        return (there.st_dev, there.st_ino) != (mine.st_dev, mine.st_ino)

    def _open(self, *, at_end: bool) -> bool:
        try:
            opened = self._path.open("rb")
        except OSError as error:
            self._tell(error.strerror or str(error))
            return False
        self.close()
        self._file = opened
        if at_end:
            opened.seek(0, os.SEEK_END)
        return True

    def _tell(self, problem: str) -> None:
        if problem not in self._told:
            self._told.add(problem)
            logger.warning("monitor.nginx_log: %s: %s; said once", self._path, problem)
