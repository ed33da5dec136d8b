"""All loans as CSV, one line a loan."""

import csv
from io import StringIO

from loans.models import Loan

COLUMNS = ("number", "borrower", "principal", "rate", "months", "disbursed", "status", "days overdue", "paid", "owed")


def loans_as_csv() -> tuple[str, int]:
    """The text, and the number of loans."""
    text, count = StringIO(), 0
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for loan in Loan.objects.select_related("borrower").prefetch_related("installments").iterator(chunk_size=500):
        lines = loan.installments.all()
        paid = sum(line.paid_principal + line.paid_interest for line in lines)
        owed = sum(line.open_principal for line in lines)
        writer.writerow(
            (loan.number, loan.borrower.name, loan.principal, loan.annual_rate, loan.months, loan.disbursed_on,
             loan.status, loan.days_overdue, paid, owed)
        )  # fmt: skip
        count += 1
    return text.getvalue(), count
