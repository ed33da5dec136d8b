"""Pages at a fixed rate, whatever the answers take: `python -m benchmarks.load`, a Plan as JSON on stdin.

Open loop: a request is sent when its time has come, and its latency counts from then, not from when a connection was
free. So a server that stalls is charged for everybody who would have come meanwhile ("coordinated omission", Gil Tene).
Prints one JSON object an answer.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from http.cookies import SimpleCookie
from threading import Lock
from urllib.parse import urlencode, urlsplit

TIMEOUT_S = 10.0

# What to ask for: method, path, form.
Page = tuple[str, str, dict[str, str]]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to ask for. `requests` are sent in turn; `rate`: requests a second; `cores`: where to run."""

    base: str
    cookies: dict[str, str]
    requests: list[Page]
    rate: float
    seconds: float
    cores: list[int] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer. `status` 0: none came within TIMEOUT_S; -1: the connection broke or was refused."""

    path: str
    status: int
    ms: float

    @property
    def is_error(self) -> bool:
        return self.status < 0 or self.status >= 400

    @property
    def is_timeout(self) -> bool:
        return self.status == 0


def run(plan: Plan) -> Iterator[Answer]:
    """Carry `plan` out in a process of its own, and yield the answers as they come."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.load"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a Ctrl-C is for who started it
    )
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.write(json.dumps(asdict(plan)))
        process.stdin.close()
        for line in process.stdout:
            yield Answer(**json.loads(line))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def log_in(base: str, username: str, password: str) -> dict[str, str]:
    """The cookies of a person who has logged in through the form."""
    cookies = _cookies(_ask(base, "GET", "/login/", {}, {}))
    form = {"username": username, "password": password}
    answer = _ask(base, "POST", "/login/", form, cookies)
    assert answer.status == 302, f"login: {answer.status}"
    return {**cookies, **_cookies(answer)}


def post(base: str, path: str, form: dict[str, str], cookies: dict[str, str], timeout_s: float = 120) -> int:
    """Send a form; returns the status."""
    return _ask(base, "POST", path, form, cookies, timeout_s).status


def is_there(base: str) -> bool:
    """Whether anybody answers."""
    try:
        return _ask(base, "GET", "/-/live", {}, {}).status < 500
    except (OSError, http.client.HTTPException):
        return False


def _ask(
    base: str, method: str, path: str, form: dict[str, str], cookies: dict[str, str], timeout_s: float = TIMEOUT_S
) -> http.client.HTTPResponse:
    address = urlsplit(base)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=timeout_s)
    headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()), "Referer": base + path}
    body = None
    if method == "POST":
        body = urlencode({**form, "csrfmiddlewaretoken": cookies.get("csrftoken", "")})
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer
    finally:
        connection.close()


def _cookies(answer: http.client.HTTPResponse) -> dict[str, str]:
    jar = SimpleCookie()
    for value in answer.headers.get_all("Set-Cookie", []):
        jar.load(value)
    return {name: morsel.value for name, morsel in jar.items()}


def be_prompt(cores: list[int]) -> None:
    """Run where told, and before others: people do not wait for a core of the server they look at."""
    if cores:
        os.sched_setaffinity(0, cores)
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except (PermissionError, AttributeError):
        return  # measured as well as an ordinary process can


def _carry_out(plan: Plan) -> None:
    order, lock = list(plan.requests), Lock()
    random.Random(7).shuffle(order)

    def one(method: str, path: str, form: dict[str, str], at: float) -> None:
        try:
            status = _ask(
                plan.base, method, path, form, plan.cookies, max(0.05, at + TIMEOUT_S - time.monotonic())
            ).status
        except TimeoutError:
            status = 0
        except (OSError, http.client.HTTPException):
            status = -1
        answer = Answer(path=path, status=status, ms=round((time.monotonic() - at) * 1000, 3))
        with lock:
            print(json.dumps(asdict(answer)), flush=True)

    began, count = time.monotonic() + 0.1, round(plan.seconds * plan.rate)
    with ThreadPoolExecutor(round(plan.rate * TIMEOUT_S) + 8) as pool:
        for number in range(count):
            at = began + number / plan.rate
            time.sleep(max(0.0, at - time.monotonic()))
            pool.submit(one, *order[number % len(order)], at)


if __name__ == "__main__":
    plan = Plan(**json.load(sys.stdin))
    be_prompt(plan.cores)
    _carry_out(plan)
