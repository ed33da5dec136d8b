from django.db import models


class Order(models.Model):
    """What somebody ordered, under a number of their own."""

    number = models.BigIntegerField()
    at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"order {self.number}"


class Confirmation(models.Model):
    """Written by the order's task. Nothing keeps a second one out: it would be seen."""

    number = models.BigIntegerField(db_index=True)
    edition = models.IntegerField()
    at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.number}, confirmed by edition {self.edition}"
