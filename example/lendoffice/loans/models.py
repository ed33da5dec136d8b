from decimal import Decimal

from django.db import models
from django.urls import reverse

from borrowers.models import Borrower
from lendoffice.money import ZERO, cents


class Application(models.Model):
    """A wish for a loan, to be reviewed by a clerk."""

    class Status(models.TextChoices):
        NEW = "new", "New"
        APPROVED = "approved", "Approved"
        DECLINED = "declined", "Declined"

    borrower = models.ForeignKey(Borrower, models.PROTECT, related_name="applications")
    amount = models.DecimalField(max_digits=10, decimal_places=2)
    months = models.PositiveSmallIntegerField()
    purpose = models.CharField(max_length=80)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.NEW, db_index=True)
    applied_on = models.DateField()
    reviewed_by = models.CharField(max_length=150, blank=True)
    reviewed_at = models.DateTimeField(null=True, blank=True)
    remark = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-applied_on", "-pk"]

    def __str__(self) -> str:
        return f"{self.borrower}: {self.amount} over {self.months} months"

    def get_absolute_url(self) -> str:
        return reverse("application", args=[self.pk])


class Loan(models.Model):
    """Money that was lent, to be paid back in equal instalments."""

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        PAID = "paid", "Paid back"
        WRITTEN_OFF = "written_off", "Written off"

    borrower = models.ForeignKey(Borrower, models.PROTECT, related_name="loans")
    application = models.OneToOneField(Application, models.PROTECT, null=True, blank=True, related_name="loan")
    number = models.CharField(max_length=20, unique=True)
    principal = models.DecimalField(max_digits=10, decimal_places=2)
    annual_rate = models.DecimalField(max_digits=6, decimal_places=4, help_text="0.1200 is 12 % a year")
    months = models.PositiveSmallIntegerField()
    disbursed_on = models.DateField()
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.ACTIVE, db_index=True)
    days_overdue = models.PositiveIntegerField(default=0, db_index=True)
    aged_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-disbursed_on", "-pk"]

    def __str__(self) -> str:
        return self.number

    def get_absolute_url(self) -> str:
        return reverse("loan", args=[self.pk])

    @property
    def rate_percent(self) -> Decimal:
        """The yearly rate as people say it: 12.00 for 0.1200."""
        return cents(self.annual_rate * 100)

    @property
    def outstanding(self) -> Decimal:
        """Principal that has not been paid back."""
        paid = self.installments.aggregate(paid=models.Sum("paid_principal"))["paid"]
        return self.principal - (paid or ZERO)


class Installment(models.Model):
    """One line of a loan's amortisation schedule, and what has been paid towards it."""

    loan = models.ForeignKey(Loan, models.CASCADE, related_name="installments")
    number = models.PositiveSmallIntegerField()
    due_on = models.DateField(db_index=True)
    principal = models.DecimalField(max_digits=10, decimal_places=2)
    interest = models.DecimalField(max_digits=10, decimal_places=2)
    paid_principal = models.DecimalField(max_digits=10, decimal_places=2, default=ZERO)
    paid_interest = models.DecimalField(max_digits=10, decimal_places=2, default=ZERO)

    class Meta:
        ordering = ["loan", "number"]
        constraints = [models.UniqueConstraint(fields=["loan", "number"], name="one_installment_a_number")]

    def __str__(self) -> str:
        return f"{self.loan} #{self.number}"

    @property
    def total(self) -> Decimal:
        return self.principal + self.interest

    @property
    def open_principal(self) -> Decimal:
        return self.principal - self.paid_principal

    @property
    def open_interest(self) -> Decimal:
        return self.interest - self.paid_interest

    @property
    def is_paid(self) -> bool:
        return not self.open_principal and not self.open_interest
