"""A manifest's digest names all of it; a text that is no manifest is refused with the key that is wrong."""

import dataclasses
import json

import pytest

from django_tandem.errors import Tampered
from django_tandem.release.manifest import Manifest

MANIFEST = Manifest(
    app="office",
    commit="0123456789abcdef0123456789abcdef01234567",
    tree="a" * 64,
    environment="b" * 64,
    python="3.11",
    settings={"backoffice": "sha256:1", "async": "sha256:2"},
    migrations=("office.0001_initial",),
    tasks={"office.tasks.write": {"parameters": [], "takes_context": False}},
    dependencies={"django": "5.2"},
    named={"async": {"shown": {"DEBUG": False}, "hidden": {"SECRET_KEY": "0a"}}},
)


def test_it_comes_back_from_its_text_with_its_digest():
    again = Manifest.from_json(MANIFEST.to_json())
    assert again == MANIFEST
    assert again.digest == MANIFEST.digest
    assert MANIFEST.release == "0123456789ab"
    assert len(MANIFEST.digest) == 64


def test_the_order_of_keys_does_not_matter():
    turned = dataclasses.replace(MANIFEST, settings=dict(reversed(MANIFEST.settings.items())))
    assert turned.digest == MANIFEST.digest


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("app", "other"),
        ("commit", "f" * 40),
        ("tree", "c" * 64),
        ("environment", "c" * 64),
        ("python", "3.12"),
        ("settings", {"async": "sha256:2"}),
        ("migrations", ()),
        ("tasks", {}),
        ("dependencies", {"django": "5.1"}),
        ("named", {"async": {"shown": {"DEBUG": True}, "hidden": {"SECRET_KEY": "0a"}}}),
        ("named", None),
    ],
)
def test_every_key_counts(key, value):
    assert dataclasses.replace(MANIFEST, **{key: value}).digest != MANIFEST.digest


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("commit", "01234", '"01234", expected 40 hexadecimal digits'),
        ("tree", None, "null, expected 64 hexadecimal digits"),
        ("python", "3", '"3", expected a version such as "3.11"'),
        ("app", "", '"", expected a name'),
        ("migrations", ["0001"], '["0001"], expected a list of "app.name"'),
        ("named", {"async": 1}, '{"async": 1}, expected an object of settings by role'),
        ("settings", {"async": 1}, '{"async": 1}, expected an object of strings'),
        ("tasks", [], "[], expected an object of signatures"),
    ],
)
def test_a_wrong_value_is_told_with_its_key(key, value, told):
    text = json.dumps({**json.loads(MANIFEST.to_json()), key: value})
    with pytest.raises(Tampered) as caught:
        Manifest.from_json(text)
    assert str(caught.value) == f"manifest: {key}: {told}"


def test_a_missing_and_an_unknown_key_are_told():
    said = json.loads(MANIFEST.to_json())
    with pytest.raises(Tampered, match=r"^manifest: extra: unknown key$"):
        Manifest.from_json(json.dumps({**said, "extra": 1}))
    del said["tree"]
    with pytest.raises(Tampered, match=r"^manifest: tree: missing$"):
        Manifest.from_json(json.dumps(said))
    with pytest.raises(Tampered, match=r"^manifest: not JSON: "):
        Manifest.from_json("{")
    with pytest.raises(Tampered, match=r"^manifest: list, expected an object$"):
        Manifest.from_json("[]")


def test_one_from_before_settings_had_names_has_the_digest_that_it_had():
    text = dataclasses.replace(MANIFEST, named=None).to_json()
    assert "named" not in text
    again = Manifest.from_json(text)
    assert again.named is None
    assert again.digest == "711b3f9a7f22afbef4252fd1cc0a3f7d9c6b2f77d0d22f8c0b1a016d681a6c24"
