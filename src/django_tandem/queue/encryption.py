"""Encryption: texts under Fernet keys, of which the first seals and all open. Knows nothing of jobs."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from django.utils.crypto import salted_hmac

from django_tandem.errors import ConfigurationError, KeyNotConfigured

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

# What no JSON text begins with. After it stand the mark of the key and the Fernet token: `fernet:1f0c9a2b:gAAAA…`.
SEALED = "fernet:"
DIGEST = "hmac:"

KEY_BYTES = 32

# A traceback may quote halves of characters; they come back as they were.
ODD = "surrogatepass"

EXTRA = "django-tandem[encrypt]"


class Encryption:
    """Seals under the first of `encrypt_keys`, opens what is under any of `encrypt_keys` or `decrypt_keys`.

    Keys are 32 bytes in URL-safe base64, as `Fernet.generate_key` makes them. Without `encrypt_keys` it only opens.
    Raises ConfigurationError where the library is not installed or a key is none; `where` begins its message.
    """

    def __init__(self, encrypt_keys: Sequence[str], decrypt_keys: Sequence[str] = (), where: str = "") -> None:
        if wrong := [*_problems("encrypt_keys", encrypt_keys), *_problems("decrypt_keys", decrypt_keys)]:
            raise ConfigurationError([f"{where}{line}" for line in wrong])
        self.is_on = bool(encrypt_keys)
        self._fernet = _multi_fernet([*encrypt_keys, *decrypt_keys], where)
        self.prefix = f"{SEALED}{_mark(encrypt_keys[0])}:" if encrypt_keys else ""

    def seal(self, text: str) -> str:
        """`text` under the newest key."""
        return self.prefix + self._fernet.encrypt(text.encode(errors=ODD)).decode()

    def open(self, text: str) -> str:
        """What was sealed; a text that was not stays as it is. Raises KeyNotConfigured."""
        if not is_sealed(text):
            return text
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.decrypt(_token(text)).decode(errors=ODD)
        except InvalidToken:
            raise KeyNotConfigured("it is encrypted with a key that is not configured") from None

    def renew(self, text: str) -> str:
        """`text` as it is to be now: under the newest key, with the time at which it was sealed kept; or plain, where
        this only opens. Raises KeyNotConfigured."""
        if not self.is_on:
            return self.open(text)
        if text.startswith(self.prefix):
            return text
        if not is_sealed(text):
            return self.seal(text)
        from cryptography.fernet import InvalidToken

        try:
            return self.prefix + self._fernet.rotate(_token(text)).decode()
        except InvalidToken:
            raise KeyNotConfigured("it is encrypted with a key that is not configured") from None


def is_sealed(text: str) -> bool:
    """Whether `text` is ciphertext."""
    return text.startswith(SEALED)


def digest(key: str) -> str:
    """What stands for a unique key or a limit key, which are made of arguments: its HMAC under Django's SECRET_KEY.

    Not under a queue key: those change, and jobs that wait must be found by their keys before and after.
    """
    if key.startswith(DIGEST):
        return key
    return DIGEST + salted_hmac("django_tandem.queue.keys", key, algorithm="sha256").hexdigest()


def _token(sealed: str) -> bytes:
    return sealed.rpartition(":")[2].encode()


def _mark(key: str) -> str:
    """Tells keys apart, and nothing of a key itself."""
    return hmac.new(key.encode(), b"django_tandem queue key", hashlib.sha256).hexdigest()[:8]


def _multi_fernet(keys: Sequence[str], where: str) -> MultiFernet:
    try:
        from cryptography.fernet import Fernet, MultiFernet
    except ImportError:
        raise ConfigurationError(
            [f"{where}encryption needs the library cryptography, which is not installed: pip install '{EXTRA}'"]
        ) from None
    return MultiFernet([Fernet(key) for key in keys])


def _problems(option: str, keys: Sequence[str]) -> Iterator[str]:
    """What is wrong with keys, by their places: never what they are."""
    for place, key in enumerate(keys):
        try:
            length = len(base64.b64decode(key.encode(), altchars=b"-_", validate=True))
        except (binascii.Error, UnicodeEncodeError):
            length = 0
        if length != KEY_BYTES:
            yield f"{option}[{place}] is not a Fernet key; expected 32 bytes in URL-safe base64 (44 characters)"
