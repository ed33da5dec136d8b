from django.db import models

from loans.models import Loan


class Notice(models.Model):
    """A letter that was sent to a borrower."""

    class Kind(models.TextChoices):
        WELCOME = "welcome", "Welcome"
        RECEIPT = "receipt", "Receipt"
        REMINDER = "reminder", "Reminder"

    loan = models.ForeignKey(Loan, models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    key = models.CharField(max_length=60, unique=True, help_text="So that a letter is sent once")
    subject = models.CharField(max_length=120)
    sent_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-sent_at"]

    def __str__(self) -> str:
        return self.subject
