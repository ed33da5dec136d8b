"""The dashboard's first address: where to go from there."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_safe

from django_tandem.monitor.dashboard import access


@require_safe
def home(request: HttpRequest) -> HttpResponseBase:
    """The first page; what came of an action is taken along."""
    if (instead := access.turned_away(request, access.SEE)) is not None:
        return instead
    query = request.GET.urlencode()
    return HttpResponseRedirect(reverse("tandem:overview") + (f"?{query}" if query else ""))
