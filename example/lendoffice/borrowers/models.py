from django.db import models
from django.urls import reverse


class Borrower(models.Model):
    """A person who has borrowed, or wants to."""

    name = models.CharField(max_length=120, db_index=True)
    email = models.EmailField()
    phone = models.CharField(max_length=40)
    address = models.CharField(max_length=200)
    born = models.DateField()
    employer = models.CharField(max_length=120)
    monthly_income = models.DecimalField(max_digits=10, decimal_places=2)
    since = models.DateField()
    score = models.PositiveSmallIntegerField(null=True, blank=True)
    scored_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("borrower", args=[self.pk])
