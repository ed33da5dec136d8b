"""The Overview: which server is in trouble and why, both side by side, over time, and what a release changed."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from django_tandem.monitor import now
from django_tandem.monitor.changed import changed
from django_tandem.monitor.condition import sentences
from django_tandem.monitor.dashboard.charts import charts, frame, stretch, table
from django_tandem.monitor.dashboard.page import page
from django_tandem.monitor.dashboard.run import under_way
from django_tandem.monitor.figures import card
from django_tandem.monitor.moves import moves
from django_tandem.monitor.series import SPANS
from django_tandem.monitor.steps import steps

SPAN = "15m"
IN_WORDS = {"15m": "15 minutes", "3h": "3 hours", "24h": "24 hours", "30d": "30 days"}


@page("overview")
def overview(request: HttpRequest) -> dict[str, Any]:
    """The fleet now, and over the span that the address names."""
    span = request.GET.get("span", SPAN)
    span = span if span in SPANS else SPAN
    fleet = now.fleet()
    seen = steps(span, fleet.at)
    marks = moves(seen.start, seen.seen, seen.came())
    return {
        "span": span,
        "spans": IN_WORDS,
        "open": under_way(),
        "sentences": sentences(fleet),
        "cards": [card(one, fleet) for one in sorted(fleet.servers, key=lambda one: (one.kind != "office", one.host))],
        "database": fleet.shared.get("database"),
        "pressure": fleet.shared.get("pressure"),
        "promise": fleet.promises.page_s,
        "is_empty": not fleet.servers and seen.is_empty,
        "changed": changed(seen, marks),
        "frame": frame(seen, marks),
        "marks": marks,
        "charts": [(one, table(one, seen)) for one in charts(seen, fleet.promises)],
        "stretch": stretch(seen),
    }
