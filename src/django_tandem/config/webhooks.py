"""Where notices go: a URL is as good as a password, so it is named by variable where it should not be in the file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import get_args

from django_tandem.config.schema import Event, File, FromEnvironment, Notice

EXPECTED = "expected a URL: https://HOST/PATH"
# No password before the host, which an HTTP client would take for a part of its name, and nothing to be encoded.
_URL = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[!-~]*)?|https?://\[[0-9A-Fa-f:]+\](:[0-9]{1,5})?(/[!-~]*)?")


def read(file: File, environ: Mapping[str, str]) -> dict[str, str]:
    """The URL of each notice that has one."""
    return {name: found for name, notice in file.notices.items() if (found := _url(notice, environ)) is not None}


def problems(file: File, environ: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with the notices, by the place and the variable: never what a URL is."""
    for name, notice in file.notices.items():
        path = f"notices.{name}"
        if (notice.webhook is None) == (notice.command is None):
            both = "has a webhook and a command" if notice.command else "has no webhook and no command"
            yield f"{path}: {both}, expected one of them"
        if not notice.events:
            yield f"{path}.events: empty, expected at least one of {', '.join(get_args(Event))}"
        named = isinstance(notice.webhook, FromEnvironment)
        where = f": the environment variable {notice.webhook.from_env}" if named else ""  # type: ignore[union-attr]
        url = _url(notice, environ)
        if named and url is None:
            yield f"{path}.webhook{where} is not set"
        elif url is not None and not _URL.fullmatch(url):
            yield f"{path}.webhook{where} is no such URL, {EXPECTED}" if named else f"{path}.webhook: {EXPECTED}"


def _url(notice: Notice, environ: Mapping[str, str]) -> str | None:
    return environ.get(notice.webhook.from_env) if isinstance(notice.webhook, FromEnvironment) else notice.webhook
