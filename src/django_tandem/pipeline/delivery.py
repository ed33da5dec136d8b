"""Delivery: the task that tells whoever a notice names. It runs on an Async Server, with the release that is live."""

from __future__ import annotations

import http.client
import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django_tandem.config.read import read
from django_tandem.config.schema import Tandem
from django_tandem.config.secrets import mask
from django_tandem.errors import NoticeFailed
from django_tandem.processes.command import run
from django_tandem.queue.options import queue_names
from django_tandem.queue.retry import Retry
from django_tandem.queue.task import task
from django_tandem.queue.tasks_api import DEFAULT_TASK_QUEUE_NAME

# Seconds before each further attempt: at once where it was a hiccup, and for an evening where it was not.
BACKOFF_S = (1, 5, 30, 60, 300, 600, 1800, 3600, 3600, 3600)
# Above the longest `timeout` of a notice, which ends an attempt in its own words.
ATTEMPT_S = 330.0
# Nobody wants to be called to an approval of yesterday.
BEGINS_WITHIN = timedelta(days=1)
# Before what is at leisure: somebody waits for it.
PRIORITY = 50


def _queue() -> str:
    names = queue_names()
    return DEFAULT_TASK_QUEUE_NAME if DEFAULT_TASK_QUEUE_NAME in names or not names else min(names)


@task(
    queue_name=_queue(),
    priority=PRIORITY,
    retry=Retry(attempts=len(BACKOFF_S) + 1, backoff=BACKOFF_S),
    timeout=ATTEMPT_S,
    expires=BEGINS_WITHIN,
)
def deliver(name: str, told: dict[str, Any]) -> None:
    """Tell `told` to whoever the notice `name` of tandem.toml names. Raises NoticeFailed, which never says a URL."""
    tandem = read()
    notice = tandem.file.notices.get(name)
    if notice is None:
        raise NoticeFailed(f"notices.{name} is not in the tandem.toml of release {tandem.release}")
    app = tandem.file.app.name
    payload = {**told, "app": app, "notice": name, "text": f"{app}: {told.get('text', told['event'])}"}
    if notice.command is not None:
        _command(tandem, name, payload)
    else:
        _post(name, tandem.webhooks[name].get_secret_value(), payload, notice.timeout)


def _post(name: str, url: str, payload: Mapping[str, Any], timeout_s: float) -> None:
    request = urllib.request.Request(  # noqa: S310 - the configuration takes http and https only
        url,
        data=json.dumps(payload, ensure_ascii=False).encode(),
        method="POST",
        headers={
            "Content-Type": "application/json; charset=utf-8",
            "Idempotency-Key": str(payload["id"]),
            "User-Agent": "django-tandem",
        },
    )
    try:
        with _opener().open(request, timeout=timeout_s) as answer:
            status: int = answer.status
    except (OSError, http.client.HTTPException) as error:
        raise NoticeFailed(f"notices.{name}: its webhook does not answer: {_why(error)}") from None
    if not 200 <= status < 300:
        raise NoticeFailed(f"notices.{name}: its webhook answered with status {status}")


def _opener() -> urllib.request.OpenerDirector:
    """Proxies of the environment, HTTP and HTTPS. A redirect is an answer like others: what is told goes to whom the
    file names, and to nobody else."""
    opener = urllib.request.OpenerDirector()
    for handler in (urllib.request.ProxyHandler(), urllib.request.HTTPHandler(), urllib.request.HTTPSHandler()):
        opener.add_handler(handler)
    return opener


def _why(error: Exception) -> str:
    """Without a word of what was asked for: some errors repeat it."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    said = cause.strerror if isinstance(cause, OSError) and cause.strerror else ""
    return f"{type(cause).__name__}{f' ({said})' if said else ''}"


def _command(tandem: Tandem, name: str, payload: Mapping[str, Any]) -> None:
    notice = tandem.file.notices[name]
    words = notice.command or ()
    of_run: Mapping[str, Any] = payload.get("run", {})
    variables = {
        "TANDEM_NOTICE": name,
        "TANDEM_NOTICE_ID": str(payload["id"]),
        "TANDEM_NOTICE_EVENT": str(payload["event"]),
        "TANDEM_NOTICE_TEXT": str(payload["text"]),
        "TANDEM_NOTICE_RUN": str(of_run.get("id", "")),
    }
    given = json.dumps(payload, ensure_ascii=False)
    try:
        done = run(words, cwd=tandem.root, timeout_s=notice.timeout, env={**os.environ, **variables}, given=given)
    except OSError as error:
        raise NoticeFailed(f"notices.{name}: {words[0]} cannot be run: {error.strerror}") from None
    if not done.ok:
        last = "".join(f": {mask(line)}" for line in done.stderr.strip().splitlines()[-1:])
        raise NoticeFailed(f"notices.{name}: {words[0]} {done.ended()}{last}")
