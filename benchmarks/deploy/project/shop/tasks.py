import time

from django_tandem import task
from shop.edition import EDITION
from shop.models import Confirmation


@task
def confirm(number: int, seconds: float) -> None:
    """Takes its time, and confirms an order."""
    time.sleep(seconds)
    Confirmation.objects.create(number=number, edition=EDITION)
