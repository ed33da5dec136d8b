"""Portfolio at risk: how much of what is lent hangs on borrowers who are late."""

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import F, Sum

from lendoffice.money import ZERO
from loans.models import Loan

BUCKETS = ((0, "Current"), (1, "1–30 days"), (31, "31–60 days"), (61, "61–90 days"), (91, "Over 90 days"))


@dataclass
class Bucket:
    """Loans that are late by a number of days: how many, and the principal that they still owe."""

    label: str
    loans: int = 0
    outstanding: Decimal = ZERO


@dataclass(frozen=True)
class Portfolio:
    """`par30` etc.: the share of outstanding principal in loans more than 30, 60, 90 days late (PAR as CGAP and the
    Microfinance Information Exchange define it: the whole outstanding balance of such loans, not only what is late)."""

    buckets: list[Bucket]
    outstanding: Decimal
    par30: Decimal
    par60: Decimal
    par90: Decimal


def portfolio() -> Portfolio:
    """Over all active loans."""
    buckets = [Bucket(label) for _, label in BUCKETS]
    late = {30: ZERO, 60: ZERO, 90: ZERO}
    total = ZERO
    loans = Loan.objects.filter(status=Loan.Status.ACTIVE).annotate(paid=Sum("installments__paid_principal"))
    for days, owed in loans.values_list("days_overdue", F("principal") - F("paid")):
        index = max(i for i, (first, _) in enumerate(BUCKETS) if days >= first)
        buckets[index].loans += 1
        buckets[index].outstanding += owed
        total += owed
        for limit in late:
            if days > limit:
                late[limit] += owed
    share = {limit: amount / total if total else ZERO for limit, amount in late.items()}
    return Portfolio(buckets, total, par30=share[30], par60=share[60], par90=share[90])
