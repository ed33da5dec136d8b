"""The amortisation schedule of a loan: equal instalments, interest on what is still owed."""

import calendar
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext

from lendoffice.money import cents


@dataclass(frozen=True)
class Line:
    """One instalment: its number from 1, when it is due, and what it consists of."""

    number: int
    due_on: date
    principal: Decimal
    interest: Decimal


def annuity(principal: Decimal, annual_rate: Decimal, months: int) -> Decimal:
    """The equal monthly instalment that pays `principal` back in `months`, to the cent.

    A = P r / (1 - (1 + r)^-n) with r the monthly rate, a twelfth of `annual_rate` (0.12 is 12 % a year), the present
    value of an ordinary annuity solved for its payment. Source: Brealey, Myers, Allen, "Principles of Corporate
    Finance", chapter 2, "How to Value Annuities". Without interest it is P / n.
    """
    with localcontext() as context:
        context.prec = 28
        rate = annual_rate / 12
        return cents(principal / months if not rate else principal * rate / (1 - (1 + rate) ** -months))


def schedule(principal: Decimal, annual_rate: Decimal, months: int, disbursed_on: date) -> list[Line]:
    """All instalments. The principal parts add up to `principal`: the last instalment takes the rounding."""
    payment, rate, owed, lines = annuity(principal, annual_rate, months), annual_rate / 12, principal, []
    for number in range(1, months + 1):
        interest = cents(owed * rate)
        part = owed if number == months else min(owed, payment - interest)
        lines.append(Line(number, month_after(disbursed_on, number), part, interest))
        owed -= part
    return lines


def month_after(day: date, months: int) -> date:
    """The same day of the month, `months` later; the last day where that month is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
