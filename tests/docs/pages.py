"""Reads a page of the documentation as what it tells people to do, and does it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from tests import office as offices
from tests.waiting import until

ROOT = offices.ROOT
_BLOCK = re.compile(r"^```(?P<info>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block. `kind` is its language, `words` what stands behind it; `line` is where it is."""

    kind: str
    words: tuple[str, ...]
    text: str
    line: int


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = (ROOT / page).read_text()
    found = []
    for match in _BLOCK.finditer(text):
        kind, *words = match["info"].split() or [""]
        found.append(Block(kind, tuple(words), match["text"], text[: match.start()].count("\n") + 1))
    return found


class Reader:
    """Does what a page says, in `folder`: `sh` is run, `toml FILE` and `python FILE` are written (`append`: added to),
    `text` must be among what the last command printed. In it … stands for anything, white space for white space.

    Behind `sh`: `fails`, it must; `in its own terminal`, it goes on; `install`, what this environment has already.
    """

    def __init__(self, folder: Path, ports: dict[str, str]) -> None:
        self.folder = folder
        self.ports = ports
        self.printed = self.seen = ""
        self.terminal: Terminal | None = None
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("TANDEM_", "DJANGO_", "PG"))}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.variables = {**ours, "PATH": path, "COLUMNS": "200"}

    def follow(self, block: Block) -> None:
        if block.kind == "sh":
            self._run(block)
        elif block.kind == "text":
            self._compare(block)
        elif block.words:
            path = self.folder / block.words[0]
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a" if "append" in block.words else "w") as file:
                file.write(self._here(block.text))

    def close(self) -> None:
        if self.terminal is not None:
            self.terminal.kill()

    def _run(self, block: Block) -> None:
        text = self._here(block.text)
        if "install" in block.words:
            return
        if "terminal" in block.words:
            self.terminal = Terminal(text, self.folder, self.variables)
            until(lambda: "stop        Ctrl-C" in self.terminal.printed, 60)
            self.printed = self.terminal.printed
            return
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.folder,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        self.printed = done.stdout + done.stderr
        self.seen += self.printed
        assert (done.returncode != 0) == ("fails" in block.words), f"line {block.line}: {self.printed}"

    def _compare(self, block: Block) -> None:
        printed = " ".join(self.printed.split())
        for line in self._here(block.text).splitlines():
            pattern = r"\s*".join(".*?".join(map(re.escape, word.split("…"))) for word in line.split())
            assert re.search(pattern, printed), f"line {block.line}: {line!r} is not in:\n{self.printed}"

    def _here(self, text: str) -> str:
        """With the ports that are free on this machine."""
        for page, here in self.ports.items():
            text = text.replace(page, here)
        return text


class Terminal:
    """A command that goes on, and what it prints."""

    def __init__(self, text: str, folder: Path, variables: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            ["bash", "-c", f"exec {text.strip()}"],
            cwd=folder,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.printed = ""
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def interrupt(self) -> int:
        """Ctrl-C; its exit code."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(60)
        self._reading.join(10)
        return code

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reading.join(10)
        if self.process.stdout:
            self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.printed += line
