"""Granting: an application becomes a loan with its schedule, or is declined."""

from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from loans.models import Application, Installment, Loan
from loans.schedule import schedule


class AlreadyReviewed(Exception):
    """Another clerk was quicker."""


@transaction.atomic
def approve(application_id: int, annual_rate: Decimal, clerk: str, remark: str = "") -> Loan:
    """Grant the loan: schedule now; contract, letter and score in the background. Raises AlreadyReviewed."""
    from contracts.tasks import make_contract
    from notices.tasks import send_welcome
    from scoring.tasks import score_borrower

    application = _review(application_id, Application.Status.APPROVED, clerk, remark)
    today = timezone.localdate()
    loan = Loan.objects.create(
        borrower=application.borrower,
        application=application,
        number=f"L{today:%y}-{application.pk:06}",
        principal=application.amount,
        annual_rate=annual_rate,
        months=application.months,
        disbursed_on=today,
    )
    Installment.objects.bulk_create(installments(loan))
    make_contract.enqueue(loan.pk)
    send_welcome.enqueue(loan.pk)
    score_borrower.enqueue(loan.borrower_id)
    return loan


@transaction.atomic
def decline(application_id: int, clerk: str, remark: str = "") -> None:
    """Decline. Raises AlreadyReviewed."""
    _review(application_id, Application.Status.DECLINED, clerk, remark)


def installments(loan: Loan) -> list[Installment]:
    """The loan's schedule as rows to be written."""
    lines = schedule(loan.principal, loan.annual_rate, loan.months, loan.disbursed_on)
    return [
        Installment(loan=loan, number=line.number, due_on=line.due_on, principal=line.principal, interest=line.interest)
        for line in lines
    ]


def _review(application_id: int, status: Application.Status, clerk: str, remark: str) -> Application:
    application = Application.objects.select_for_update().get(pk=application_id)
    if application.status != Application.Status.NEW:
        raise AlreadyReviewed(f"{application.reviewed_by} has reviewed this application already.")
    application.status, application.reviewed_by, application.remark = status, clerk, remark
    application.reviewed_at = timezone.now()
    application.save()
    return application
