"""Bytes that one process of a server publishes and all of them read: anonymous shared memory, made before the fork."""

from __future__ import annotations

import mmap
import struct
import time
import zlib

# A number that is odd while something is written, the length, and a checksum of what is there.
_HEAD = struct.Struct("=qqL")

LOOKS = 50
LOOK_AGAIN_S = 0.002


class Published:
    """At most `most` bytes. Who reads while they are changed, or after their writer was killed amid a change, is not
    given a part of them."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._memory = mmap.mmap(-1, _HEAD.size + most)

    def publish(self, content: bytes) -> None:
        """Put `content` in the place of what was there. Raises ValueError where it is too long."""
        if len(content) > self.most:
            raise ValueError(f"{len(content)} bytes, expected at most {self.most}")
        number = _HEAD.unpack_from(self._memory)[0] | 1  # odd already: the writer before was killed here
        _HEAD.pack_into(self._memory, 0, number, 0, 0)
        self._memory[_HEAD.size : _HEAD.size + len(content)] = content
        _HEAD.pack_into(self._memory, 0, number + 1, len(content), zlib.crc32(content))

    def read(self) -> bytes | None:
        """What was published last; None where nothing was, or nothing whole."""
        for _ in range(LOOKS):
            number, length, checksum = _HEAD.unpack_from(self._memory)
            if number == 0:
                return None
            if number % 2 == 0:
                content = self._memory[_HEAD.size : _HEAD.size + length]
                if zlib.crc32(content) == checksum:
                    return content
            time.sleep(LOOK_AGAIN_S)
        return None
