"""How values are written in pages: times, ages, sizes. Filters for templates."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

register = template.Library()

NOTHING = "–"


@register.filter
def moment(at: datetime | None) -> str | SafeString:
    """A time, in the project's time zone; the page's script adds how long ago that is, or in how long."""
    if at is None:
        return NOTHING
    known = at if at.tzinfo else at.replace(tzinfo=timezone.utc)
    return format_html(
        '<time datetime="{}" data-ago>{}</time>',
        known.astimezone(timezone.utc).isoformat(timespec="milliseconds"),
        localtime(known).strftime("%Y-%m-%d %H:%M:%S"),
    )


@register.filter
def seconds(value: float | None) -> str:
    """A length of time in the two units that matter: 740 ms, 4.2 s, 3 min 5 s, 2 h 10 min, 4 d 3 h."""
    if value is None:
        return NOTHING
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 60:
        return f"{value:.1f} s"
    whole = round(value)
    for size, name, below, unit in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // below
            return f"{whole // size} {name}" + (f" {rest} {unit}" if rest else "")
    return f"{whole} s"


@register.filter
def number(value: float | None) -> str:
    """With thousands apart."""
    if value is None:
        return NOTHING
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


@register.filter
def percent(share: float | None) -> str:
    """A share of 0 to 1."""
    return NOTHING if share is None else f"{share * 100:.0f} %"


@register.filter
def size(count: float | None) -> str:
    """Bytes, in the unit that fits: 512 B, 1.4 MiB, 120 GiB."""
    if count is None:
        return NOTHING
    value, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if abs(value) < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:.0f} {unit}" if unit == "B" or value >= 10 else f"{value:.1f} {unit}"


@register.filter
def ratio(value: float | None) -> str:
    """With two digits after the point."""
    return NOTHING if value is None else f"{value:.2f}"


@register.filter
def some(value: float | None) -> str:
    """A rate: with a digit after the point only where it says something."""
    return number(value if value is None or value < 100 else round(value))


@register.filter
def unit(value: float | None, name: str) -> str:
    """A value in its unit: seconds, number or ratio."""
    return UNITS[name](value)


@register.filter
def of(mapping: Any, key: Any) -> Any:
    """What a mapping has under a key that a template cannot name."""
    return mapping.get(key)


@register.filter
def missed_policy(missed: str) -> str:
    """What becomes of times at which no scheduler was there."""
    return {"skip": "are skipped", "once": "are made up for once", "all": "are all made up for"}[missed]


UNITS = {"seconds": seconds, "number": some, "ratio": ratio}
