"""Posting: a payment becomes entries of the ledger, and pays instalments."""

from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from lendoffice.money import ZERO
from loans.models import Installment, Loan
from payments.models import Entry, Payment


@transaction.atomic
def post(payment_id: int) -> bool:
    """Post a payment, once. Returns whether it was posted now: a second time changes nothing.

    The oldest instalment is paid first, of each its interest before its principal; what is left is owed to the
    borrower.
    """
    payment = Payment.objects.select_for_update().select_related("loan").get(pk=payment_id)
    if payment.posted_at is not None:
        return False
    loan = Loan.objects.select_for_update().get(pk=payment.loan_id)
    interest, principal = _allocate(loan, payment.amount)
    overpaid = payment.amount - interest - principal
    _book(payment, interest, principal, overpaid)
    payment.posted_at = timezone.now()
    payment.save(update_fields=["posted_at"])
    if loan.status == Loan.Status.ACTIVE and not any(not line.is_paid for line in loan.installments.all()):
        loan.status, loan.days_overdue = Loan.Status.PAID, 0
        loan.save(update_fields=["status", "days_overdue"])
    return True


def _allocate(loan: Loan, amount: Decimal) -> tuple[Decimal, Decimal]:
    """Pay instalments from `amount`; returns how much went to interest and to principal."""
    left, interest, principal, changed = amount, ZERO, ZERO, []
    for line in loan.installments.select_for_update().order_by("number"):
        if not left:
            break
        if line.is_paid:
            continue
        to_interest = min(left, line.open_interest)
        to_principal = min(left - to_interest, line.open_principal)
        line.paid_interest += to_interest
        line.paid_principal += to_principal
        left -= to_interest + to_principal
        interest, principal = interest + to_interest, principal + to_principal
        changed.append(line)
    Installment.objects.bulk_update(changed, ["paid_interest", "paid_principal"])
    return interest, principal


def _book(payment: Payment, interest: Decimal, principal: Decimal, overpaid: Decimal) -> None:
    account = Entry.Account
    sides = {
        account.CASH: payment.amount,
        account.INTEREST: -interest,
        account.PRINCIPAL: -principal,
        account.OVERPAID: -overpaid,
    }
    Entry.objects.bulk_create(
        Entry(payment=payment, account=name, amount=amount, booked_on=payment.received_on)
        for name, amount in sides.items()
        if amount
    )
