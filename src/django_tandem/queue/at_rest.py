"""At rest: what of a job is encrypted in the tables, by the keys of settings.TASKS; and what may be shown of it."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.core.signals import setting_changed
from django.dispatch import receiver

from django_tandem.errors import KeyNotConfigured
from django_tandem.queue.encryption import Encryption, is_sealed
from django_tandem.queue.options import queue_options

UNREADABLE = "(encrypted with a key that is not configured)"
MASKED = "•••"


@cache
def encryption() -> Encryption | None:
    """That of the queue; None where no keys are configured. Raises ConfigurationError."""
    return queue_options().encryption


@receiver(setting_changed)
def _forget(*, setting: str, **_: Any) -> None:
    if setting == "TASKS":
        encryption.cache_clear()


def is_on() -> bool:
    """Whether what is written is encrypted."""
    return (keys := encryption()) is not None and keys.is_on


def sealed(text: str) -> str:
    """`text` as it is to be stored."""
    keys = encryption()
    return keys.seal(text) if keys is not None and keys.is_on else text


def opened(text: str) -> str:
    """What `text`, as it is stored, says. Raises KeyNotConfigured."""
    if not is_sealed(text):
        return text
    if (keys := encryption()) is None:
        raise KeyNotConfigured("it is encrypted, and no key is configured")
    return keys.open(text)


def readable(text: str) -> str:
    """As opened, with words in the place of what cannot be opened here."""
    try:
        return opened(text)
    except KeyNotConfigured:
        return UNREADABLE


def veil(text: str | None, *, reveal: bool) -> str | None:
    """What a person sees in the place of `text`, as it is stored: a mask unless they ask for more (`reveal`), or words
    that say that it cannot be opened here. None: the text itself."""
    if text is None:
        return None
    if readable(text) == UNREADABLE:
        return UNREADABLE
    return MASKED if not reveal and (is_sealed(text) or is_on()) else None
