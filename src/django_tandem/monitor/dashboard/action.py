"""An action: a POST of somebody who may, written into the audit before it is done and after."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Concatenate, ParamSpec, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.conf import settings
from django.db import DatabaseError, connections, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_POST

from django_tandem.errors import TandemError
from django_tandem.monitor import audit
from django_tandem.monitor.dashboard import access

logger = logging.getLogger("django_tandem.monitor")

P = ParamSpec("P")
Act = Callable[Concatenate[HttpRequest, P], str]
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]

# What forms carry beside what is asked for.
_ABOUT_THE_FORM = ("csrfmiddlewaretoken", "next")

# What the audit keeps of a form: so many fields, so many characters of each. Who is refused writes there too.
FIELDS, KEPT = 50, 1000


class Declined(TandemError):
    """What was asked for does not make sense, or not any more; nothing was done."""

    exit_code = 3


def action(name: str, *, needs: str) -> Callable[[Act[P]], View[P]]:
    """Make an action of a function that does it and returns in a line what it did.

    `name`: what the audit calls it, such as "pause queue"; `needs`: a permission of access. A TandemError that the
    function raises is what the person is told. Whoever acted is led back to where the form stood (its `next`).
    """

    def decorate(act: Act[P]) -> View[P]:
        @functools.wraps(act)
        def view(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            asked = {key: str(request.POST[key])[:KEPT] for key in _kept(request)}
            detail = {**{key: str(value) for key, value in kwargs.items()}, **asked}
            if (instead := access.turned_away(request, needs)) is not None:
                _write_refusal(request, name, detail, instead)
                return instead
            entry = audit.write(access.person(request), access.place(request), name, detail)
            try:
                text = act(request, *args, **kwargs)
            except TandemError as error:
                audit.end(entry, "refused" if error.exit_code == Declined.exit_code else "failed", str(error))
            except Exception as error:
                _end_failed(entry, error)
                raise
            else:
                audit.end(entry, "done", text)
            return _back(request, entry)

        return _outside_transactions(cast("View[P]", require_POST(csrf_protect(view))))

    return decorate


def _kept(request: HttpRequest) -> list[str]:
    """The fields of the form that the audit keeps."""
    return [key for key in request.POST if key not in _ABOUT_THE_FORM and len(key) <= KEPT][:FIELDS]


def _outside_transactions(view: View[P]) -> View[P]:
    """Where the project has ATOMIC_REQUESTS too: what is audited stays, and many jobs are not one transaction."""
    for alias in connections:
        view = transaction.non_atomic_requests(alias)(view)
    return view


def _write_refusal(request: HttpRequest, name: str, detail: dict[str, str], instead: HttpResponse) -> None:
    """Of somebody known: who is nobody could fill the table."""
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        told = instead.content.decode().strip()
        audit.write(access.person(request), access.place(request), name, detail, "refused", told)


def _end_failed(entry: int, error: Exception) -> None:
    try:
        audit.end(entry, "failed", f"{type(error).__name__}: see the server's log")
    except DatabaseError:
        logger.exception("audit %s has no end", entry)


def _back(request: HttpRequest, entry: int) -> HttpResponse:
    wanted = request.POST.get("next", "")
    home: str = settings.TANDEM_DASHBOARD
    if not (url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) and urlsplit(wanted).path.startswith(home)):
        wanted = reverse("tandem:home")
    parts = urlsplit(wanted)
    query = [(key, value) for key, value in parse_qsl(parts.query) if key != "said"]
    response = HttpResponseRedirect(parts._replace(query=urlencode([*query, ("said", str(entry))])).geturl())
    response.status_code = 303
    return response
