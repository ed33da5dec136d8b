from django.contrib.auth.decorators import login_required
from django.db.models import Q, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from contracts.models import Contract
from loans.models import Loan
from office.views.paging import page_of
from payments.models import Entry


@login_required
def index(request: HttpRequest) -> HttpResponse:
    """Loans by number, borrower, status and lateness."""
    words, status = request.GET.get("q", "").strip(), request.GET.get("status", "")
    late = request.GET.get("late", "")
    rows = Loan.objects.select_related("borrower").annotate(paid=Sum("installments__paid_principal"))
    rows = rows.order_by("-disbursed_on", "-pk")
    if words:
        rows = rows.filter(Q(number__icontains=words) | Q(borrower__name__icontains=words))
    if status in Loan.Status.values:
        rows = rows.filter(status=status)
    if late.isdigit():
        rows = rows.filter(days_overdue__gt=int(late)).order_by("-days_overdue")
    page, others = page_of(request, rows)
    for loan in page:
        loan.owed = loan.principal - (loan.paid or 0)
    context = {"page": page, "others": others, "q": words, "status": status, "late": late}
    return render(request, "office/loans.html", {**context, "statuses": Loan.Status.choices})


@login_required
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One loan: schedule, payments, ledger, letters."""
    loan = get_object_or_404(Loan.objects.select_related("borrower"), pk=pk)
    # First the payments: one that is posted meanwhile is shown as waiting, and the page asks again until all is shown.
    payments = list(loan.payments.all()[:40])
    lines = list(loan.installments.all())
    return render(
        request,
        "office/loan.html",
        {
            "loan": loan,
            "lines": lines,
            "owed": sum(line.open_principal for line in lines),
            "next_line": next((line for line in lines if not line.is_paid), None),
            "payments": payments,
            "entries": Entry.objects.filter(payment__loan=loan).select_related("payment")[:80],
            "notices": loan.notices.all()[:12],
            "contract": Contract.objects.filter(loan=loan).defer("pdf").first(),
        },
    )


@login_required
def contract(request: HttpRequest, pk: int) -> HttpResponse:
    """The contract as PDF."""
    found = Contract.objects.filter(loan_id=pk).select_related("loan").first()
    if found is None:
        raise Http404("The contract has not been written yet.")
    response = HttpResponse(bytes(found.pdf), content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="{found.loan.number}.pdf"'
    return response
