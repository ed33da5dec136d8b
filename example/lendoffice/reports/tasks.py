from django.utils import timezone

from lendoffice.background import task
from loans.models import Loan
from reports import ageing
from reports.export import loans_as_csv
from reports.models import Export

LOANS_A_TASK = 250


@task(priority=-20, queue_name="reports")
def age_portfolio() -> int:
    """The nightly run: a task for each few hundred active loans. Returns how many."""
    ids = list(Loan.objects.filter(status=Loan.Status.ACTIVE).order_by("pk").values_list("pk", flat=True))
    parts = [ids[start : start + LOANS_A_TASK] for start in range(0, len(ids), LOANS_A_TASK)]
    for part in parts:
        age_some.enqueue(part)
    return len(parts)


@task(priority=-20, queue_name="reports")
def age_some(loan_ids: list[int]) -> int:
    """Age these loans, and remind whoever has become late."""
    from notices.tasks import send_reminder

    newly_late = ageing.age_loans(loan_ids, timezone.localdate())
    for loan_id in newly_late:
        send_reminder.enqueue(loan_id)
    return len(newly_late)


@task(priority=-50, queue_name="reports")
def make_export(export_id: int) -> int:
    """Write all loans as CSV."""
    text, rows = loans_as_csv()
    Export.objects.filter(pk=export_id).update(content=text, rows=rows, made_at=timezone.now())
    return rows
