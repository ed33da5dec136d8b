"""The end of the day: scores, bureau, contracts, reminders, ageing and an export, for many loans at once."""

import random

from bureau.tasks import ask_bureau
from contracts.tasks import make_contract
from loans.models import Loan
from notices.tasks import send_reminder
from reports.models import Export
from reports.tasks import LOANS_A_TASK, age_some, make_export
from scoring.tasks import score_borrower

LOANS_AN_EXPORT = 400


def end_of_day(loans: int, clerk: str) -> int:
    """Enqueue the work for `loans` loans, chosen by chance; returns the number of tasks."""
    rows = list(Loan.objects.values_list("pk", "borrower_id"))
    chosen = random.sample(rows, min(loans, len(rows)))
    for number, (loan, borrower) in enumerate(chosen):
        score_borrower.enqueue(borrower)
        if number % 4 == 0:
            make_contract.enqueue(loan)
        if number % 5 == 0:
            ask_bureau.enqueue(borrower)
        if number % 3 == 0:
            send_reminder.enqueue(loan)
    count = len(chosen) + -(-len(chosen) // 4) + -(-len(chosen) // 5) + -(-len(chosen) // 3)
    for start in range(0, len(chosen), LOANS_A_TASK):
        age_some.enqueue([loan for loan, _ in chosen[start : start + LOANS_A_TASK]])
        count += 1
    if len(chosen) >= LOANS_AN_EXPORT:
        make_export.enqueue(Export.objects.create(asked_by=clerk).pk)
        count += 1
    return count
