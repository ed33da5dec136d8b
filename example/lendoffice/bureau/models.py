from django.db import models

from borrowers.models import Borrower


class Report(models.Model):
    """What the credit bureau said about a person."""

    borrower = models.ForeignKey(Borrower, models.CASCADE, related_name="reports")
    points = models.PositiveSmallIntegerField()
    open_loans_elsewhere = models.PositiveSmallIntegerField()
    asked_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-asked_at"]

    def __str__(self) -> str:
        return f"{self.borrower}: {self.points}"
