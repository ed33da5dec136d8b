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
LONG_S = 300

# What a command says that then waits for a person.
WAITS = ("stop        Ctrl-C", "waits for approval")
IDENTITY = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@office.example",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@office.example",
}
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

    Behind `sh`: `fails`, it must; `in its own terminal`, it goes on, and what ran in one before is ended; `install`,
    what this environment has already; `later`, what this page has not come to. Behind `text`: `of the terminal`, when
    it has ended by itself; `after Ctrl-C`.
    """

    def __init__(self, folder: Path, ports: dict[str, str]) -> None:
        self.folder = folder
        self.ports = ports
        self.printed = self.seen = ""
        self.terminal: Terminal | None = None
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("TANDEM_", "DJANGO_", "PG"))}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.variables = {**ours, "PATH": path, "COLUMNS": "200", **IDENTITY}

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
        if not {"install", "later"}.isdisjoint(block.words):
            return
        if "terminal" in block.words:
            if self.terminal is not None:
                self.terminal.end()
            self.terminal = Terminal(text, self.folder, self.variables)
            until(lambda: any(said in self.terminal.printed for said in WAITS) or self.terminal.has_ended, LONG_S)
            self.printed = self.terminal.printed
            return
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.folder,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=LONG_S,
            check=False,
        )
        self.printed = done.stdout + done.stderr
        self.seen += self.printed
        assert (done.returncode != 0) == ("fails" in block.words), f"line {block.line}: {self.printed}"

    def _compare(self, block: Block) -> None:
        if "terminal" in block.words:
            assert self.terminal.process.wait(LONG_S) == 0, self.terminal.printed
        if block.words:
            self.terminal.end()
            self.printed = self.terminal.printed
            self.seen += self.printed
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

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def end(self) -> None:
        """It ends as it should: by itself, or by Ctrl-C; and all that it printed has been read."""
        if not self.has_ended:
            self.process.send_signal(signal.SIGINT)
        code = self.process.wait(60)
        self._reading.join(10)
        self.process.stdout.close()
        assert code == 0, self.printed

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
