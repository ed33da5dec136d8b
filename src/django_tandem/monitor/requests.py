"""Requests of a Back Office: the first middleware notes what each was about, how long it took and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter, time

from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from django_tandem.monitor.sums import Request

Note = Callable[[Request], object]

# Of X-Request-Start, in characters: a time is shorter.
HEADER_KEPT = 40

_note: Note | None = None


def install(note: Note | None) -> None:
    """Let the middleware of this process, and of those forked from it, note. Before the application is loaded."""
    global _note
    _note = note


class NoteRequests:
    """Middleware. It is not used where nobody wants to know: in commands, in tests, under another server."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        if _note is None:
            raise MiddlewareNotUsed
        self._get_response = get_response
        self._note = _note

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        header = request.META.get("HTTP_X_REQUEST_START")
        read_at = 0.0
        if header is not None:
            header, read_at = header[:HEADER_KEPT], time()
        began = perf_counter()
        response = self._get_response(request)
        match = request.resolver_match
        view = None if match is None else match.view_name
        self._note((view, response.status_code, perf_counter() - began, header, read_at))
        return response
