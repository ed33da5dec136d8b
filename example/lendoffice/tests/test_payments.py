from datetime import date
from decimal import Decimal

from django.db.models import Sum
from django.test import TestCase

from loans.models import Loan
from payments import posting
from payments.models import Entry, Payment
from tests import rows


def pay(loan: Loan, amount: str) -> Payment:
    payment = Payment.objects.create(loan=loan, amount=Decimal(amount), received_on=date(2026, 3, 1), taken_by="clerk")
    posting.post(payment.pk)
    return payment


class PostingTests(TestCase):
    def entries(self, payment):
        return {entry.account: entry.amount for entry in payment.entries.all()}

    def test_interest_is_paid_before_principal_and_the_oldest_instalment_first(self):
        loan = rows.loan()
        first = loan.installments.first()
        payment = pay(loan, "20.00")
        self.assertEqual(first.interest, Decimal("12.00"))
        self.assertEqual(
            self.entries(payment), {"cash": Decimal(20), "interest": Decimal(-12), "principal": Decimal(-8)}
        )
        self.assertEqual(loan.outstanding, Decimal(1192))

    def test_a_payment_is_posted_once(self):
        payment = pay(rows.loan(), "20.00")
        self.assertFalse(posting.post(payment.pk))
        self.assertEqual(payment.entries.count(), 3)

    def test_the_entries_of_a_payment_add_up_to_zero(self):
        loan = rows.loan()
        for amount in ("0.01", "106.62", "333.33", "2000.00"):
            pay(loan, amount)
        for payment in Payment.objects.annotate(sum=Sum("entries__amount")):
            self.assertEqual(payment.sum, 0)

    def test_what_is_more_than_all_is_owed_to_the_borrower_and_the_loan_is_paid_back(self):
        loan = rows.loan(months=3)
        owed = sum(line.total for line in loan.installments.all())
        payment = pay(loan, str(owed + 5))
        loan.refresh_from_db()
        self.assertEqual(loan.status, Loan.Status.PAID)
        self.assertEqual(self.entries(payment)[Entry.Account.OVERPAID], Decimal(-5))
        self.assertEqual(loan.outstanding, 0)
