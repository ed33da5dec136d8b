from decimal import Decimal

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from loans import granting
from loans.models import Application
from loans.schedule import annuity
from office.views.paging import page_of


class ReviewForm(forms.Form):
    """A clerk's decision."""

    decision = forms.ChoiceField(choices=[("approve", "Approve"), ("decline", "Decline")])
    annual_rate = forms.DecimalField(
        label="Yearly rate, %", min_value=0, max_value=60, decimal_places=2, initial=Decimal("11.90")
    )
    remark = forms.CharField(required=False, max_length=200)


@login_required
def index(request: HttpRequest) -> HttpResponse:
    """Applications, the ones to be reviewed first."""
    status = request.GET.get("status", Application.Status.NEW)
    rows = Application.objects.select_related("borrower")
    if status in Application.Status.values:
        rows = rows.filter(status=status)
    page, others = page_of(request, rows)
    context = {"page": page, "others": others, "status": status, "statuses": Application.Status.choices}
    return render(request, "office/applications.html", context)


@login_required
def review(request: HttpRequest, pk: int) -> HttpResponse:
    """Approve or decline one."""
    application = get_object_or_404(Application.objects.select_related("borrower"), pk=pk)
    form = ReviewForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        return _decide(request, application, form)
    rate = Decimal("0.119")
    return render(
        request,
        "office/application.html",
        {
            "application": application,
            "form": form,
            "installment": annuity(application.amount, rate, application.months),
            "loans": application.borrower.loans.all(),
            "reports": application.borrower.reports.all()[:3],
        },
    )


def _decide(request: HttpRequest, application: Application, form: ReviewForm) -> HttpResponse:
    clerk, remark = request.user.get_username(), form.cleaned_data["remark"]
    try:
        if form.cleaned_data["decision"] == "approve":
            loan = granting.approve(application.pk, form.cleaned_data["annual_rate"] / 100, clerk, remark)
            messages.success(request, f"Loan {loan} was granted; the contract is being written.")
            return redirect(loan)
        granting.decline(application.pk, clerk, remark)
        messages.info(request, "The application was declined.")
    except granting.AlreadyReviewed as error:
        messages.error(request, str(error))
    return redirect(application)
