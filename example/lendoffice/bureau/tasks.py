from borrowers.models import Borrower
from bureau import client
from bureau.models import Report
from lendoffice.background import task


@task(priority=40)
def ask_bureau(borrower_id: int) -> int:
    """Ask the credit bureau about a borrower, then score them anew."""
    from scoring.tasks import score_borrower

    borrower = Borrower.objects.get(pk=borrower_id)
    answer = client.ask(borrower.name, borrower.born.isoformat())
    Report.objects.create(borrower=borrower, points=answer.points, open_loans_elsewhere=answer.open_loans)
    score_borrower.enqueue(borrower.pk)
    return answer.points
