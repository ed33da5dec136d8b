"""A page: rendered by an engine of the dashboard's own, because a project may have no Django templates, or others."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import get_token
from django.template import Context, Engine
from django.urls import NoReverseMatch, reverse
from django.utils.cache import get_conditional_response
from django.utils.crypto import salted_hmac
from django.views.decorators.csrf import csrf_protect, ensure_csrf_cookie
from django.views.decorators.http import require_safe

from django_tandem.monitor import alarms, audit
from django_tandem.monitor.dashboard import access, assets

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]
Facts = Callable[Concatenate[HttpRequest, P], Mapping[str, Any]]

# In the order in which a person needs them. Names of URLs, and of templates.
PAGES = {
    "overview": "Overview",
    "queues": "Queues",
    "tasks": "Tasks",
    "schedules": "Schedules",
    "releases": "Releases",
    "servers": "Servers",
    "configuration": "Configuration",
}

# Everything comes from here, nothing runs that is written into a page, and nobody may put a page into a frame.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

# Django masks the token anew each time it is written; put in last, it does not make a page another one.
# The same in all processes, and not to be guessed, so that nobody has it written into a page.
TOKEN = salted_hmac(__name__, "where the token goes").hexdigest()

ENGINE = Engine(
    dirs=[str(Path(__file__).parent / "templates")],
    builtins=["django_tandem.monitor.dashboard.shown"],
)


def page(name: str, template: str | None = None) -> Callable[[Facts[P]], View[P]]:
    """Make a page of a function that returns what its template shows. For staff who may see the dashboard.

    `name`: of PAGES, which one it belongs to; `template`: its own where that is not `<name>.html`. The answer has an
    ETag, so that a page which asks again and again is sent only when it changed.
    """

    def decorate(facts: Facts[P]) -> View[P]:
        @functools.wraps(facts)
        def view(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if (instead := access.turned_away(request, access.SEE)) is not None:
                return instead
            found = facts(request, *args, **kwargs)
            get_token(request)
            return _answer(request, render(request, template or f"{name}.html", {"page": name, **found}))

        return cast("View[P]", require_safe(ensure_csrf_cookie(csrf_protect(view))))

    return decorate


def render(request: HttpRequest, template: str, facts: Mapping[str, Any]) -> str:
    """A template with what every page has: who looks, what they may, where they can go, what came of their action."""
    context = {
        "request": request,
        "csrf_token": TOKEN,
        "app": settings.TANDEM_APP,
        "who": access.person(request),
        "may_operate": access.may(request, access.OPERATE),
        "may_release": access.may(request, access.RELEASE),
        "pages": _pages(),
        "asset": assets.urls(),
        "said": _said(request),
        "alarms": alarms.open_now(),
        "here": _here(request),
        "zone": settings.TIME_ZONE,
        **facts,
    }
    return ENGINE.get_template(template).render(Context(context))


def _pages() -> list[tuple[str, str, str]]:
    found = []
    for name, title in PAGES.items():
        try:
            found.append((name, title, reverse(f"tandem:{name}")))
        except NoReverseMatch:
            continue
    return found


def _said(request: HttpRequest) -> audit.Entry | None:
    """What came of the action that led here, where it was this person's."""
    number = request.GET.get("said", "")
    entry = audit.read(int(number)) if number.isdecimal() and len(number) < 19 else None
    return entry if entry is not None and entry.who == access.person(request) else None


def _here(request: HttpRequest) -> str:
    """The address of this page, without what came of an action: asked for again it would say so again."""
    query = request.GET.copy()
    query.pop("said", None)
    return request.path + (f"?{query.urlencode()}" if query else "")


def _answer(request: HttpRequest, text: str) -> HttpResponseBase:
    secret = str(request.META.get("CSRF_COOKIE", ""))
    etag = f'"{hashlib.sha256(f"{secret} {text}".encode()).hexdigest()[:32]}"'
    response = HttpResponse(text.replace(TOKEN, get_token(request)))
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"
    response["Content-Security-Policy"] = POLICY
    response["Referrer-Policy"] = "same-origin"
    response["X-Content-Type-Options"] = "nosniff"
    return get_conditional_response(request, etag=etag, response=response) or response
