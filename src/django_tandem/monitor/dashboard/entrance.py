"""The entrance: the last middleware of the project lets what is asked below the dashboard's path out to its pages.

The project's own URLs are not touched; its middleware, with its sessions and its users, stands before these pages too.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest
from django.http.response import HttpResponseBase

URLS = "django_tandem.monitor.dashboard.urls"


class Entrance:
    """Middleware. Setting a request's `urlconf` is Django's own way to have other URLs for it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response
        self._path: str = getattr(settings, "TANDEM_DASHBOARD", "")
        if not self._path:
            raise MiddlewareNotUsed

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith(self._path):
            request.urlconf = URLS
        return self._get_response(request)
