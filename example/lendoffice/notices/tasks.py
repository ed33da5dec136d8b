from django.utils import timezone

from lendoffice.background import task
from loans.models import Loan
from notices.letters import send
from notices.models import Notice
from payments.models import Payment


@task
def send_welcome(loan_id: int) -> bool:
    """Tell a borrower that the loan was granted."""
    loan = Loan.objects.select_related("borrower").get(pk=loan_id)
    text = f"we have paid out your loan {loan.number} of {loan.principal:,.2f}. Your contract is attached to your file."
    return send(loan, Notice.Kind.WELCOME, f"welcome-{loan_id}", f"Your loan {loan.number}", text)


@task
def send_receipt(payment_id: int) -> bool:
    """Thank a borrower for a payment."""
    payment = Payment.objects.select_related("loan__borrower").get(pk=payment_id)
    text = f"thank you for your payment of {payment.amount:,.2f}. You still owe {payment.loan.outstanding:,.2f}."
    return send(payment.loan, Notice.Kind.RECEIPT, f"receipt-{payment_id}", f"Receipt for {payment.loan}", text)


@task
def send_reminder(loan_id: int) -> bool:
    """Remind a borrower of what is overdue: one letter a month at the most."""
    loan = Loan.objects.select_related("borrower").get(pk=loan_id)
    overdue = loan.installments.filter(due_on__lt=timezone.localdate()).order_by("number")
    owed = sum(line.open_principal + line.open_interest for line in overdue)
    text = f"of your loan {loan.number} an amount of {owed:,.2f} is overdue. Please pay it, or call us."
    key = f"reminder-{loan_id}-{timezone.localdate():%Y-%m}"
    return bool(owed) and send(loan, Notice.Kind.REMINDER, key, f"Overdue: {loan.number}", text)
