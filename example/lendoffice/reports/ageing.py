"""Ageing: how many days each loan is overdue."""

from datetime import date

from django.db.models import F, Min, Q
from django.utils import timezone

from loans.models import Loan


def age_loans(loan_ids: list[int], today: date) -> list[int]:
    """Bring `days_overdue` of these loans up to `today`; returns the ids of those that have become overdue by over 30
    days since they were last looked at."""
    unpaid = Q(installments__due_on__lt=today) & (
        Q(installments__paid_principal__lt=F("installments__principal"))
        | Q(installments__paid_interest__lt=F("installments__interest"))
    )
    loans = Loan.objects.filter(pk__in=loan_ids, status=Loan.Status.ACTIVE)
    newly_late, changed = [], []
    for loan in loans.annotate(late_since=Min("installments__due_on", filter=unpaid)):
        days = (today - loan.late_since).days if loan.late_since else 0
        if days > 30 >= loan.days_overdue:
            newly_late.append(loan.pk)
        loan.days_overdue, loan.aged_at = days, timezone.now()
        changed.append(loan)
    Loan.objects.bulk_update(changed, ["days_overdue", "aged_at"], batch_size=500)
    return newly_late
