from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from borrowers.models import Borrower
from bureau import tasks
from office.views.paging import page_of


@login_required
def index(request: HttpRequest) -> HttpResponse:
    """Borrowers by name, e-mail or phone."""
    words = request.GET.get("q", "").strip()
    rows = Borrower.objects.annotate(loan_count=Count("loans")).order_by("name", "pk")
    if words:
        rows = rows.filter(Q(name__icontains=words) | Q(email__icontains=words) | Q(phone__icontains=words))
    page, others = page_of(request, rows)
    return render(request, "office/borrowers.html", {"page": page, "others": others, "q": words})


@login_required
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One borrower: loans, applications, what the bureau said."""
    borrower = get_object_or_404(Borrower, pk=pk)
    return render(
        request,
        "office/borrower.html",
        {
            "borrower": borrower,
            "loans": borrower.loans.all(),
            "applications": borrower.applications.all(),
            "reports": borrower.reports.all()[:5],
        },
    )


@login_required
@require_POST
def ask_bureau(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask the credit bureau, in the background."""
    borrower = get_object_or_404(Borrower, pk=pk)
    tasks.ask_bureau.enqueue(borrower.pk)
    messages.info(request, f"The bureau is asked about {borrower}; the score follows.")
    return redirect(borrower)
