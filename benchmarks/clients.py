"""People who go on asking while something is done to the servers: `python -m benchmarks.clients`, a Plan as JSON on
stdin, which is closed to end them.

Each asks, reads, pauses and asks again; every other one keeps its connection, the rest connect anew for each page.
Nobody asks twice: what is refused, reset, cut off, answered with an error or not within `timeout_s` is a failure.
Prints one JSON object an answer.
"""

from __future__ import annotations

import http.client
import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from urllib.parse import urlencode, urlsplit

from benchmarks.load import Page, be_prompt

TIMEOUT_S = 10.0
ENDS_WITHIN_S = 15.0

# A client's orders have numbers of its own: so many before the next client's begin.
NUMBERS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Plan:
    """`clients` ask for `pages` in turn, each from some one on, and pause for `pause_s` on average. {number} in a
    path or in a form stands for a number that is there once."""

    base: str
    pages: list[Page]
    clients: int
    pause_s: float
    cookies: dict[str, str] = field(default_factory=dict)
    timeout_s: float = TIMEOUT_S


@dataclass(frozen=True, kw_only=True)
class Answer:
    """`at`: when it was asked for, by the monotonic clock; `status` 0: none came, and `error` says why; `edition`: what
    the answer says of who gave it."""

    at: float
    ms: float
    method: str
    path: str
    status: int
    edition: int | None = None
    error: str = ""
    kept: bool = False

    @property
    def failed(self) -> bool:
        """Whether it is not what somebody asked for."""
        return not 200 <= self.status < 400


@contextmanager
def asking(plan: Plan) -> Iterator[list[Answer]]:
    """The clients of `plan` ask, in a process of their own; their answers, to which others are added as they come."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.clients"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a Ctrl-C is for who started it
    )
    assert process.stdin
    assert process.stdout
    answers: list[Answer] = []
    lines = process.stdout

    def hear() -> None:
        for line in lines:
            answers.append(Answer(**json.loads(line)))  # noqa: PERF401 - others look at it meanwhile

    hearing = threading.Thread(target=hear, daemon=True)
    try:
        process.stdin.write(json.dumps(asdict(plan)) + "\n")
        process.stdin.flush()
        hearing.start()
        yield answers
        process.stdin.close()
        process.wait(ENDS_WITHIN_S)
        hearing.join()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


class Client:
    """One of them. `keeps`: its connection."""

    def __init__(self, plan: Plan, number: int, *, keeps: bool) -> None:
        address = urlsplit(plan.base)
        self._plan = plan
        self._keeps = keeps
        self._host, self._port = address.hostname or "", address.port
        self._connection = self._connect()
        self._next = number * NUMBERS
        self._chance = random.Random(number)
        self._turn = self._chance.randrange(len(plan.pages))

    def run(self, stop: threading.Event) -> Iterator[Answer]:
        """Ask until `stop`."""
        pause = self._plan.pause_s
        while not stop.wait(self._chance.uniform(0.5 * pause, 1.5 * pause)):
            method, path, form = self._plan.pages[self._turn % len(self._plan.pages)]
            self._turn += 1
            self._next += 1
            yield self._ask(method, *_numbered(path, form, self._next))

    def _ask(self, method: str, path: str, form: Mapping[str, str]) -> Answer:
        cookies = "; ".join(f"{name}={value}" for name, value in self._plan.cookies.items())
        headers = {"Cookie": cookies, "Referer": self._plan.base + path}
        headers |= {} if self._keeps else {"Connection": "close"}
        body = None
        if method == "POST":
            body = urlencode({**form, "csrfmiddlewaretoken": self._plan.cookies.get("csrftoken", "")})
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        at, kept = time.monotonic(), self._connection.sock is not None
        status, edition, error = 0, None, ""
        try:
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
            answer.read()
            status, edition = answer.status, answer.headers.get("Edition")
        except (OSError, http.client.HTTPException) as problem:
            error = f"{type(problem).__name__}: {problem}"
            self._connection.close()
            self._connection = self._connect()
        if not self._keeps:
            self._connection.close()
        return Answer(
            at=at,
            ms=round((time.monotonic() - at) * 1000, 3),
            method=method,
            path=path,
            status=status,
            edition=None if edition is None else int(edition),
            error=error,
            kept=kept,
        )

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._host, self._port, timeout=self._plan.timeout_s)


def _numbered(path: str, form: Mapping[str, str], number: int) -> tuple[str, dict[str, str]]:
    found = {name: value.replace("{number}", str(number)) for name, value in form.items()}
    return path.replace("{number}", str(number)), found


def main() -> None:
    """Ask until stdin ends."""
    plan = Plan(**json.loads(sys.stdin.readline()))
    be_prompt([])
    stop, lock = threading.Event(), threading.Lock()

    def go_on(client: Client) -> None:
        for answer in client.run(stop):
            with lock:
                print(json.dumps(asdict(answer)), flush=True)

    clients = [Client(plan, number, keeps=number % 2 == 0) for number in range(plan.clients)]
    threads = [threading.Thread(target=go_on, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
