"""When a job was sent and when it began: workers append it to the file TANDEM_BENCH_STAMPS, the benchmark reads it."""

from __future__ import annotations

import os
import struct
import time

_stamp = struct.Struct("=dd")


def write(sent: float) -> None:
    """Append that what was sent at `sent` begins now: both monotonic, both of this machine."""
    began = time.monotonic()
    descriptor = os.open(os.environ["TANDEM_BENCH_STAMPS"], os.O_WRONLY | os.O_APPEND)
    os.write(descriptor, _stamp.pack(sent, began))
    os.close(descriptor)


def read(path: str | None = None) -> list[float]:
    """Milliseconds from sent to begun, a stamp each; of TANDEM_BENCH_STAMPS, or of the file at `path`."""
    return [(began - sent) * 1000 for sent, began in pairs(path)]


def pairs(path: str | None = None) -> list[tuple[float, float]]:
    """What was sent and when it began, a stamp each, from the same files."""
    with open(path or os.environ["TANDEM_BENCH_STAMPS"], "rb") as file:  # noqa: PTH123 - read while others append
        data = file.read()
    return list(_stamp.iter_unpack(data[: len(data) // _stamp.size * _stamp.size]))


def clear(path: str | None = None) -> None:
    """Make the file, empty."""
    open(path or os.environ["TANDEM_BENCH_STAMPS"], "w").close()  # noqa: PTH123
