"""Letters to borrowers, sent once each."""

from django.core.mail import send_mail
from django.db import transaction

from loans.models import Loan
from notices.models import Notice


def send(loan: Loan, kind: Notice.Kind, key: str, subject: str, text: str) -> bool:
    """Send a letter and keep a note of it; `key` names the occasion. Returns False when it was sent before."""
    with transaction.atomic():
        _, is_new = Notice.objects.get_or_create(key=key, defaults={"loan": loan, "kind": kind, "subject": subject})
        if is_new:
            greeting = f"Dear {loan.borrower.name},\n\n{text}\n\nYours sincerely\nThe lending office\n"
            send_mail(subject, greeting, None, [loan.borrower.email])
    return is_new
