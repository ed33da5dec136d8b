"""The scorecard: from what a person has and how they have paid to a number from 300 to 850."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from borrowers.models import Borrower
from loans.models import Installment

# A logistic model: weights for what the office has seen to matter, found once on its own history.
INTERCEPT = 1.10
WEIGHTS = {
    "late_share": -3.2,
    "mean_delay": -0.035,
    "burden": -2.4,
    "years_known": 0.09,
    "age": 0.012,
    "paid_back": 0.22,
    "bureau": 0.004,
}
SIMULATED_PATHS = 400
LOWEST, HIGHEST = 300, 850


@dataclass(frozen=True)
class History:
    """What the card looks at. `late_share`: of instalments due; `mean_delay`: days; `burden`: of the income."""

    late_share: float
    mean_delay: float
    burden: float
    years_known: float
    age: float
    paid_back: int
    bureau: int


def history(borrower: Borrower, bureau: int, today: date) -> History:
    """Read the history of `borrower` from their instalments."""
    lines = list(Installment.objects.filter(loan__borrower=borrower, due_on__lte=today).select_related("loan"))
    late = [line for line in lines if not line.is_paid]
    monthly = sum((line.total for line in _running(lines)), Decimal(0))
    return History(
        late_share=len(late) / len(lines) if lines else 0.0,
        mean_delay=sum((today - line.due_on).days for line in late) / len(late) if late else 0.0,
        burden=float(monthly / borrower.monthly_income) if borrower.monthly_income else 1.0,
        years_known=(today - borrower.since).days / 365.25,
        age=(today - borrower.born).days / 365.25,
        paid_back=sum(loan.status == "paid" for loan in {line.loan for line in lines}),
        bureau=bureau,
    )


def score(known: History) -> int:
    """The score: the mean over simulated months of the logistic model, scaled to 300-850."""
    total = 0.0
    for path in range(SIMULATED_PATHS):
        shock = math.sin(path * 12.9898) * 0.35  # the same paths each time: a score must be explainable
        for month in range(12):
            strain = shock * math.sqrt(month + 1) / 6
            total += 1 / (1 + math.exp(-_points(known, strain)))
    return round(LOWEST + (HIGHEST - LOWEST) * total / (SIMULATED_PATHS * 12))


def _points(known: History, strain: float) -> float:
    return (
        INTERCEPT
        + WEIGHTS["late_share"] * min(1.0, known.late_share * (1 + strain))
        + WEIGHTS["mean_delay"] * known.mean_delay
        + WEIGHTS["burden"] * known.burden * (1 + strain)
        + WEIGHTS["years_known"] * known.years_known
        + WEIGHTS["age"] * known.age
        + WEIGHTS["paid_back"] * known.paid_back
        + WEIGHTS["bureau"] * (known.bureau - 600)
    )


def _running(lines: Sequence[Installment]) -> list[Installment]:
    """The newest instalment of each loan that still runs."""
    newest: dict[int, Installment] = {}
    for line in lines:
        if line.loan.status == "active" and line.due_on >= newest.get(line.loan_id, line).due_on:
            newest[line.loan_id] = line
    return list(newest.values())
