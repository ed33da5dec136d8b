"""How a release's pages are asked for: as a proxy before it would, so that they answer as they do to people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def headers_of(settings: Mapping[str, Any]) -> dict[str, str]:
    """Headers of a request, by a release's effective settings: a Host that ALLOWED_HOSTS has, and where the project
    wants https, what a proxy says that was asked by it."""
    headers = {"Host": _host(settings.get("ALLOWED_HOSTS") or [])}
    named = settings.get("SECURE_PROXY_SSL_HEADER")
    if named or settings.get("SECURE_SSL_REDIRECT"):
        headers["X-Forwarded-Proto"] = "https"
    if isinstance(named, list) and len(named) == 2:
        name, value = map(str, named)
        headers[name.removeprefix("HTTP_").replace("_", "-").title()] = value
    return headers


def _host(allowed: list[Any]) -> str:
    """The first name that is one; where all, or none, are allowed, that of this host."""
    names = [str(one).removeprefix(".") for one in allowed if one != "*"]
    return names[0] if names else "localhost"
