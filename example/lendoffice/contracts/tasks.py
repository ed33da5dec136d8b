from contracts import paper
from contracts.models import Contract
from lendoffice.background import task
from loans.models import Loan


@task(priority=20)
def make_contract(loan_id: int) -> int:
    """Write the contract of a loan; a second time replaces it by the same."""
    loan = Loan.objects.select_related("borrower").get(pk=loan_id)
    pdf, pages = paper.render(loan)
    Contract.objects.update_or_create(loan=loan, defaults={"pdf": pdf, "pages": pages})
    return pages
