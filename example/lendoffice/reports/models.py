from django.db import models


class Export(models.Model):
    """A CSV file of all loans, made in the background."""

    asked_by = models.CharField(max_length=150)
    asked_at = models.DateTimeField(auto_now_add=True)
    made_at = models.DateTimeField(null=True, blank=True)
    rows = models.PositiveIntegerField(default=0)
    content = models.TextField(blank=True)

    class Meta:
        ordering = ["-asked_at"]

    def __str__(self) -> str:
        return f"Export {self.pk}"
