"""A borrower and a loan, as tests need them."""

from datetime import date
from decimal import Decimal

from borrowers.models import Borrower
from loans.granting import installments
from loans.models import Application, Installment, Loan


def borrower(name: str = "Ada Byron") -> Borrower:
    return Borrower.objects.create(
        name=name,
        email="ada@example.com",
        phone="020 7946 0000",
        address="1 Bridge Lane, Leeds",
        born=date(1985, 12, 10),
        employer="Engines Ltd",
        monthly_income=Decimal(4000),
        since=date(2015, 1, 1),
    )


def loan(number: str = "L1", *, months: int = 12, principal: str = "1200.00", on: date = date(2026, 1, 31)) -> Loan:
    """A loan at 12 % with its schedule."""
    made = Loan.objects.create(
        borrower=borrower(f"Borrower of {number}"),
        number=number,
        principal=Decimal(principal),
        annual_rate=Decimal("0.1200"),
        months=months,
        disbursed_on=on,
    )
    Installment.objects.bulk_create(installments(made))
    return made


def application(amount: str = "5000.00") -> Application:
    return Application.objects.create(
        borrower=borrower(), amount=Decimal(amount), months=24, purpose="Roof", applied_on=date(2026, 3, 1)
    )
