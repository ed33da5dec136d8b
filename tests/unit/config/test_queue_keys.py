"""tandem.toml names the variable that holds the queue's keys; neither shows what a key is."""

import pytest

from django_tandem.config import overlay

ONE, TWO = "A" * 43 + "=", "B" * 43 + "="
ROLES = "[roles.backoffice]\n[roles.async]\n"
FILE = '[database]\nencrypt_keys = { from_env = "KEYS" }\n' + ROLES


def options(tandem):
    return overlay.effective(tandem, None, {})["TASKS"]["default"]["OPTIONS"]


@pytest.mark.parametrize("text", [f"{ONE},{TWO}", f" {ONE} {TWO}\n", f"{ONE},\n{TWO},"])
def test_keys_become_options_of_the_backend_in_their_order(configured, text):
    assert options(configured(FILE, KEYS=text))["encrypt_keys"] == [ONE, TWO]


def test_keys_that_only_decrypt(configured):
    found = options(configured(FILE.replace("encrypt_keys", "decrypt_keys"), KEYS=ONE))
    assert found["decrypt_keys"] == [ONE]
    assert "encrypt_keys" not in found


def test_without_keys_there_is_no_option(configured):
    assert not {"encrypt_keys", "decrypt_keys"} & set(options(configured(ROLES)))


def test_what_is_read_shows_no_key(configured):
    assert ONE not in repr(configured(FILE, KEYS=ONE))


def test_a_variable_that_is_not_set(told):
    assert told(FILE) == ["tandem.toml: database.encrypt_keys: the environment variable KEYS is not set"]


@pytest.mark.parametrize("text", ["", " , \n"])
def test_a_variable_without_keys(told, text):
    assert told(FILE, KEYS=text) == [
        "tandem.toml: database.encrypt_keys: the environment variable KEYS is empty, expected keys with commas between"
    ]


@pytest.mark.parametrize("key", ["sesame", ONE[:-1] + "A", ONE + TWO, "ü" * 44])
def test_what_is_no_key_is_told_by_its_place(told, key):
    (line,) = told(FILE, KEYS=f"{ONE},{key}")
    assert line == (
        "tandem.toml: database.encrypt_keys: key 2 of 2 in the environment variable KEYS is not a Fernet key, "
        "expected 32 bytes in URL-safe base64 (44 characters)"
    )


@pytest.mark.parametrize("written", [f'"{ONE}"', f'["{ONE}"]', f'{{ key = "{ONE}" }}', f'{{ from_env = "{ONE}" }}'])
def test_a_key_in_the_file_is_refused_and_not_repeated(told, written):
    assert told(FILE.replace('{ from_env = "KEYS" }', written)) == [
        'tandem.toml: database.encrypt_keys: expected { from_env = "VARIABLE" }: keys are not written in this file'
    ]
