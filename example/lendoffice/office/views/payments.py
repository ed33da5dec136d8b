from django import forms
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from loans.models import Loan
from payments.models import Payment
from payments.tasks import post_payment


class PaymentForm(forms.ModelForm):
    """A payment as a clerk takes it."""

    amount = forms.DecimalField(min_value=0.01, max_digits=10, decimal_places=2)

    class Meta:
        model = Payment
        fields = ("amount", "received_on", "reference")
        widgets = {"received_on": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")}


@login_required
def take(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a payment; it is posted in the background, before all other work."""
    loan = get_object_or_404(Loan.objects.select_related("borrower"), pk=pk)
    lines = [line for line in loan.installments.all() if not line.is_paid]
    due = lines[0].open_principal + lines[0].open_interest if lines else None
    form = PaymentForm(request.POST or None, initial={"amount": due, "received_on": timezone.localdate()})
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            payment = form.save(commit=False)
            payment.loan, payment.taken_by = loan, request.user.get_username()
            payment.save()
            post_payment.enqueue(payment.pk)
        if request.headers.get("Accept") == "application/json":
            return JsonResponse({"payment": payment.pk}, status=201)
        return redirect(f"{loan.get_absolute_url()}?payment={payment.pk}")
    return render(request, "office/pay.html", {"loan": loan, "form": form, "due": due})


@login_required
def state(request: HttpRequest, pk: int) -> JsonResponse:
    """Whether a payment has been posted: the loan's page asks until it has."""
    payment = get_object_or_404(Payment, pk=pk)
    return JsonResponse({"payment": payment.pk, "posted": payment.posted_at is not None})
