"""A terminal as a person has it: a command runs in a real one (a pty), and what its screen shows can be looked at."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
from contextlib import suppress

_CODE = re.compile(r"\x1b\[(\??)([0-9;]*)([A-Za-z])|\x1b[()][A-Z0-9]|\x1b[=>]")

# Ctrl-C reaches who has the terminal for its own, unless it was started by somebody who ignores it.
_TAKE_TERMINAL = """
import fcntl, os, signal, sys, termios
signal.signal(signal.SIGINT, signal.SIG_DFL)
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """`command` in a terminal of so many columns and lines. Its output is read all the time."""

    def __init__(self, command, columns=80, lines=24, **options):
        self.master, self._slave = pty.openpty()
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.before = termios.tcgetattr(self._slave)
        self.columns, self.lines = columns, lines
        self._said = b""
        self.process = subprocess.Popen(
            [sys.executable, "-c", _TAKE_TERMINAL, *command],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            start_new_session=True,
            **options,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        with suppress(OSError):
            while block := os.read(self.master, 65536):
                self._said += block

    @property
    def said(self):
        return self._said.decode(errors="replace")

    def screen(self):
        """All lines, those too that have left the window, as they stand now."""
        return draw(self.said, self.columns)

    def press(self, key):
        os.write(self.master, key.encode())

    def wait(self, seconds):
        """Its exit code; afterwards all that it said has been read."""
        code = self.process.wait(seconds)
        self.after = termios.tcgetattr(self._slave)
        os.close(self._slave)
        self._reader.join(seconds)
        return code

    def close(self):
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for descriptor in (self._slave, self.master):
            with suppress(OSError):
                os.close(descriptor)


def draw(said, columns):
    """What a terminal that is as long as one likes shows of `said`: letters, line ends, and the few codes that rich
    writes. Others fail."""
    lines, row, column, at = [[]], 0, 0, 0
    while at < len(said):
        letter = said[at]
        if letter == "\x1b":
            code = _CODE.match(said, at)
            if code is None:  # cut off in the middle
                break
            row, column = _obey(code, lines, row, column)
            at = code.end()
            continue
        at += 1
        if letter == "\r":
            column = 0
        elif letter == "\n":
            row += 1
        elif letter >= " ":
            if column == columns:
                row, column = row + 1, 0
            _reach(lines, row)
            line = lines[row]
            line += [" "] * (column + 1 - len(line))
            line[column] = letter
            column += 1
        _reach(lines, row)
    return ["".join(line).rstrip() for line in lines]


def _reach(lines, row):
    while row >= len(lines):
        lines.append([])


def _obey(code, lines, row, column):
    private, numbers, what = code[1], code[2], code[3]
    count = int(numbers) if numbers.isdigit() else 1
    if what is None or what == "m" or private:
        return row, column
    if what == "A":
        return max(0, row - count), column
    if what == "K":
        lines[row] = [] if numbers == "2" else lines[row][:column]
        return row, column
    if what == "G":
        return row, count - 1
    raise AssertionError(f"what does {code[0]!r} do?")
