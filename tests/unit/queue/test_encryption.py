"""Texts under keys: the first seals, all open; what is no key is told by its place and never by what it is."""

import sys

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from django_tandem.errors import ConfigurationError, KeyNotConfigured
from django_tandem.queue.encryption import DIGEST, SEALED, Encryption, digest, is_sealed
from django_tandem.queue.options import Options

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))
EXPECTED = "is not a Fernet key; expected 32 bytes in URL-safe base64 (44 characters)"


@given(st.text(st.characters(exclude_categories=[])))
def test_what_is_sealed_opens_as_it_was_whatever_it_holds(text):
    encryption = Encryption([NEW])
    sealed = encryption.seal(text)
    assert is_sealed(sealed)
    assert sealed.isascii()
    assert encryption.open(sealed) == text


def test_the_first_key_seals_and_all_open():
    by_old, by_new = Encryption([OLD]).seal("secret"), Encryption([NEW]).seal("secret")
    both = Encryption([NEW, OLD])
    assert both.open(by_old) == both.open(by_new) == "secret"
    assert Encryption([NEW]).open(both.seal("secret")) == "secret"
    with pytest.raises(KeyNotConfigured):
        Encryption([OLD]).open(both.seal("secret"))


def test_what_was_not_sealed_stays_as_it_is():
    assert Encryption([NEW]).open('[["plain"],{}]') == '[["plain"],{}]'


def test_what_was_changed_does_not_open():
    encryption = Encryption([NEW])
    sealed = encryption.seal("secret")
    another = "A" if sealed[60] == "B" else "B"
    for broken in (sealed[:-5], sealed[:60] + another + sealed[61:], SEALED):
        with pytest.raises(KeyNotConfigured):
            encryption.open(broken)


def test_renewing_brings_everything_under_the_newest_key_and_keeps_the_time():
    both = Encryption([NEW, OLD])
    by_old = "".join([Encryption([OLD]).prefix, Fernet(OLD).encrypt_at_time(b"secret", 1_000_000).decode()])
    renewed = both.renew(by_old)
    assert renewed.startswith(both.prefix)
    assert both.renew(renewed) == renewed
    assert Fernet(NEW).extract_timestamp(renewed.removeprefix(both.prefix)) == 1_000_000
    assert Encryption([NEW]).open(both.renew("secret")) == "secret"
    with pytest.raises(KeyNotConfigured):
        both.renew(Encryption([OTHER]).seal("secret"))


def test_keys_that_only_decrypt_make_everything_plain_again():
    off = Encryption([], [OLD])
    assert not off.is_on
    assert off.renew(Encryption([OLD]).seal("secret")) == "secret"
    assert off.renew("plain") == "plain"


NO_KEYS = {
    "nothing": "", "a word": "sesame", "a short one": OLD[:-4], "two": OLD + OLD, "an odd character": "!" + OLD[1:],
    "not ASCII": "é" * 44,
}  # fmt: skip


@pytest.mark.parametrize("key", NO_KEYS.values(), ids=NO_KEYS)
def test_what_is_no_key_is_told_by_its_place_and_not_by_what_it_is(key):
    with pytest.raises(ConfigurationError) as told:
        Encryption([NEW, key], [key], where="TASKS: ")
    assert told.value.problems == (f"TASKS: encrypt_keys[1] {EXPECTED}", f"TASKS: decrypt_keys[0] {EXPECTED}")


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography.fernet", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'django-tandem\[encrypt\]'$"):
        Encryption([NEW])


def test_a_digest_stands_for_a_key_until_the_secret_changes(settings):
    one = digest("tests.jobs.add 4711")
    assert one.startswith(DIGEST)
    assert "4711" not in one
    assert digest(one) == one == digest("tests.jobs.add 4711") != digest("tests.jobs.add 4712")
    settings.SECRET_KEY = "another"
    assert digest("tests.jobs.add 4711") != one


def test_options_show_no_key():
    assert NEW not in repr(Options(encrypt_keys=(NEW,), decrypt_keys=(NEW,)))
