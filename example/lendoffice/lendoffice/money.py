"""Money is Decimal, in cents, rounded half up as on a receipt."""

from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
ZERO = Decimal("0.00")


def cents(amount: Decimal) -> Decimal:
    """`amount` to the cent."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)
