from django.db import models

from loans.models import Loan


class Contract(models.Model):
    """The signed paper of a loan, as a PDF."""

    loan = models.OneToOneField(Loan, models.CASCADE, related_name="contract")
    pdf = models.BinaryField()
    pages = models.PositiveSmallIntegerField()
    made_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"Contract of {self.loan}"
