from django.utils import timezone

from borrowers.models import Borrower
from bureau.models import Report
from lendoffice.background import task
from scoring import card


@task(priority=50)
def score_borrower(borrower_id: int) -> int:
    """Score a borrower anew, and keep the score."""
    borrower = Borrower.objects.get(pk=borrower_id)
    newest = Report.objects.filter(borrower=borrower).order_by("-asked_at").first()
    known = card.history(borrower, newest.points if newest else 600, timezone.localdate())
    borrower.score, borrower.scored_at = card.score(known), timezone.now()
    borrower.save(update_fields=["score", "scored_at"])
    return borrower.score
