from functools import cache
from pathlib import Path

from django.contrib.auth.decorators import login_required
from django.core.cache import cache as shared_cache
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from loans.models import Application, Loan
from payments.models import Payment
from reports.portfolio import portfolio

FIGURES_FOR_S = 30


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """What is to be done today."""
    figures = shared_cache.get("portfolio")
    if figures is None:
        figures = portfolio()
        shared_cache.set("portfolio", figures, FIGURES_FOR_S)
    today = timezone.localdate()
    return render(
        request,
        "office/home.html",
        {
            "figures": figures,
            "waiting": Application.objects.filter(status=Application.Status.NEW).select_related("borrower")[:8],
            "waiting_count": Application.objects.filter(status=Application.Status.NEW).count(),
            "late": Loan.objects.filter(days_overdue__gt=30, status=Loan.Status.ACTIVE)
            .select_related("borrower")
            .order_by("-days_overdue")[:8],
            "taken_today": Payment.objects.filter(received_on=today).aggregate(sum=Sum("amount"))["sum"] or 0,
            "unposted": Payment.objects.filter(posted_at=None).count(),
        },
    )


@cache
def _stylesheet() -> bytes:
    return (Path(__file__).parent.parent / "style.css").read_bytes()


def style(request: HttpRequest) -> HttpResponse:
    """The one stylesheet; browsers keep it for a day."""
    response = HttpResponse(_stylesheet(), content_type="text/css; charset=utf-8")
    response["Cache-Control"] = "public, max-age=86400"
    return response
