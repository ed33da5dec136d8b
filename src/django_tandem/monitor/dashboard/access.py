"""Who may: staff with the permission. Others are led to the project's login, or told what they lack."""

from __future__ import annotations

from urllib.parse import quote

from django.apps import apps
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import NoReverseMatch, Resolver404, resolve, reverse

SEE, OPERATE, RELEASE = "tandem_monitor.see", "tandem_monitor.operate", "tandem_monitor.release"
WORDS = {
    SEE: "see the dashboard",
    OPERATE: "act on tasks, queues, schedules and servers",
    RELEASE: "approve, reject and roll back releases",
}


def may(request: HttpRequest, permission: str) -> bool:
    """Whether who asks is staff, active, and has `permission`."""
    user = getattr(request, "user", None)
    return user is not None and user.is_active and user.is_staff and user.has_perm(permission)


def person(request: HttpRequest) -> str:
    """Who asks, by the name that the project's users have."""
    return str(request.user.get_username())


def place(request: HttpRequest) -> str:
    """From where. Behind a proxy that is the proxy's address: headers that a client can write itself are not taken."""
    client = request.META.get("REMOTE_ADDR", "")
    return "dashboard" + (f", from {client}" if client else "")


def turned_away(request: HttpRequest, permission: str) -> HttpResponse | None:
    """What who may not do it gets instead; None: who asks may."""
    if not apps.is_installed("django.contrib.auth") or not hasattr(request, "user"):
        return _plain("The dashboard needs django.contrib.auth and its AuthenticationMiddleware: they say who you are.")
    if may(request, permission):
        return None
    if not request.user.is_authenticated and request.method in ("GET", "HEAD") and (login := _login()):
        return HttpResponseRedirect(f"{login}?next={quote(request.get_full_path())}")
    return _plain(f"You may not {WORDS[permission]}: that takes a staff member with the permission {permission}.")


def _login() -> str | None:
    """Where the project lets people in: its LOGIN_URL where it has one, or Django's admin."""
    project: str = settings.ROOT_URLCONF
    wanted = str(settings.LOGIN_URL)
    for name in (wanted, "admin:login"):
        try:
            return reverse(name, urlconf=project)
        except NoReverseMatch:
            pass
        try:
            resolve(name, urlconf=project)
        except Resolver404:
            continue
        return name
    return wanted if "://" in wanted else None


def _plain(text: str) -> HttpResponse:
    return HttpResponse(f"{text}\n", status=403, content_type="text/plain; charset=utf-8")
