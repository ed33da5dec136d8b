from decimal import Decimal

from django.db import models

from lendoffice.money import ZERO
from loans.models import Loan


class Payment(models.Model):
    """Money that a borrower paid. It counts when it has been posted to the ledger."""

    loan = models.ForeignKey(Loan, models.PROTECT, related_name="payments")
    amount = models.DecimalField(max_digits=10, decimal_places=2)
    received_on = models.DateField(db_index=True)
    reference = models.CharField(max_length=80, blank=True)
    taken_by = models.CharField(max_length=150)
    taken_at = models.DateTimeField(auto_now_add=True)
    posted_at = models.DateTimeField(null=True, blank=True, db_index=True)

    class Meta:
        ordering = ["-received_on", "-pk"]

    def __str__(self) -> str:
        return f"{self.amount} on {self.loan}"


class Entry(models.Model):
    """One side of a booking. The entries of a payment add up to zero: debit is positive, credit negative."""

    class Account(models.TextChoices):
        CASH = "cash", "Cash"
        PRINCIPAL = "principal", "Loans receivable"
        INTEREST = "interest", "Interest income"
        OVERPAID = "overpaid", "Owed to borrowers"

    payment = models.ForeignKey(Payment, models.PROTECT, related_name="entries")
    account = models.CharField(max_length=10, choices=Account.choices, db_index=True)
    amount = models.DecimalField(max_digits=10, decimal_places=2)
    booked_on = models.DateField()

    class Meta:
        ordering = ["payment", "pk"]
        verbose_name_plural = "entries"
        constraints = [models.UniqueConstraint(fields=["payment", "account"], name="one_entry_an_account")]

    def __str__(self) -> str:
        return f"{self.account} {self.amount}"

    @property
    def debit(self) -> Decimal:
        return max(self.amount, ZERO)

    @property
    def credit(self) -> Decimal:
        return max(-self.amount, ZERO)
