"""What differs between two roles, and whether it may."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from django.conf import settings

from django_tandem.config import canonical, overlay_rules, secrets
from django_tandem.config.boot import boot, environment
from django_tandem.config.read import check_role, read
from django_tandem.config.schema import File, Tandem
from django_tandem.errors import ConfigurationError
from django_tandem.processes.apart import Apart

ABSENT = "(absent)"

# Tandem itself makes these differ or sets them; they say nothing of the project.
_OWN = ("TANDEM_RELEASE",)
_LIMIT = re.compile(r"-c statement_timeout=\d+")


class Effective(NamedTuple):
    """A role's settings as Django has them: JSON values, secrets masked, and the digest over what they really are.

    `marks` tells masked values apart, by key. They are for comparing only: a short secret could be guessed from its.
    """

    role: str
    digest: str
    settings: dict[str, Any]
    environment: dict[str, str]
    marks: dict[str, str]


class Difference(NamedTuple):
    """A dotted key in which two roles differ, their (masked) values, and whether the overlay permits it."""

    key: str
    left: Any
    right: Any
    permitted: bool


def effective(tandem: Tandem, role: str) -> Effective:
    """What `role` has: see effective_of."""
    return effective_of(tandem, [role])[0]


def effective_of(tandem: Tandem, roles: Iterable[str]) -> list[Effective]:
    """What each of `roles` has, in their order, found out at once, each in a copy of this process, because settings may
    read the role's environment. It must not have loaded any settings yet.

    Raises SettingsNotImportable and ConfigurationError as those processes met them.
    """
    assert not settings.configured  # noqa: S101 - copies of this process would have its settings
    wanted = list(roles)
    for role in wanted:
        check_role(tandem, role)
    asked = [Apart(_settings_or_problems, environment(tandem, role), tandem.root) for role in wanted]
    answers = [_answer_of(one, role) for one, role in zip(asked, wanted, strict=True)]
    for said in answers:
        if "problems" in said:
            raise ConfigurationError(said["problems"])
    return [Effective(role, **said) for role, said in zip(wanted, answers, strict=True)]


def _answer_of(asked: Apart, role: str) -> dict[str, Any]:
    try:
        said: dict[str, Any] = asked.answer()
    except RuntimeError as error:
        last = f": {error}" if str(error) else ""
        return {"problems": [f"role {role}: its settings do not load{last}"]}
    return said


def current_digest() -> str:
    """The digest of this process's settings."""
    return canonical.digest(_shared_settings(), str(read().root))


def differences(left: Effective, right: Effective, file: File) -> list[Difference]:
    """All settings and environment values in which two roles differ, by key."""
    one, other = flat(left.settings), flat(right.settings)
    found = [
        Difference(key, a, b, may_differ(key, a, b, file))
        for key in sorted(one.keys() | other.keys())
        for a, b in [(one.get(key, ABSENT), other.get(key, ABSENT))]
        if (type(a), a) != (type(b), b) or left.marks.get(key) != right.marks.get(key)
    ]
    for name in sorted(left.environment.keys() | right.environment.keys()):
        key, a, b = f"environment.{name}", left.environment.get(name, ABSENT), right.environment.get(name, ABSENT)
        if a != b or left.marks.get(key) != right.marks.get(key):
            found.append(Difference(key, a, b, overlay_rules.may_set(name, file)))
    return found


def may_differ(key: str, left: Any, right: Any, file: File) -> bool:
    """Whether two roles may have these values of the setting `key`."""
    return overlay_rules.may_change(key, file) or _only_the_limit_differs(key, left, right)


def _only_the_limit_differs(key: str, left: Any, right: Any) -> bool:
    """Whether it is the statement_timeout of a role, which Tandem itself writes into the options of a connection."""
    if not key.endswith(".OPTIONS.options"):
        return False
    one, other = (_LIMIT.sub("", "" if value == ABSENT else str(value)).strip() for value in (left, right))
    return one == other


def shown(plain: Mapping[str, Any], variables: Mapping[str, str]) -> dict[str, Any]:
    """Of settings (JSON values) and environment values, what may be shown, and the marks: all but the digest of an
    Effective."""
    settings = {name: _masked(value, name) for name, value in plain.items()}
    environment = {name: _masked(value, name) for name, value in variables.items()}
    marks = _marks({**settings, "environment": environment}, {**plain, "environment": variables})
    return {"settings": settings, "environment": environment, "marks": marks}


def _shared_settings() -> dict[str, Any]:
    return {name: getattr(settings, name) for name in dir(settings) if name.isupper() and name not in _OWN}


def _masked(value: Any, key: str = "") -> Any:
    """Django's own rule for what its error pages hide, and passwords inside URLs."""
    # Not above: it loads Django's forms and templates, which servers that only compute their digest can do without.
    from django.views.debug import SafeExceptionReporterFilter

    cleaned = SafeExceptionReporterFilter().cleanse_setting(key, value)
    if isinstance(cleaned, dict):
        return {name: _masked(item, str(name)) for name, item in cleaned.items()}
    if isinstance(cleaned, list):
        return [_masked(item) for item in cleaned]
    return secrets.mask(cleaned) if isinstance(cleaned, str) else cleaned


def flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by dotted key; a list is one value."""
    return {key: value for key, value, _ in _leaves("", settings, settings)}


def _marks(masked: Mapping[str, Any], plain: Mapping[str, Any]) -> dict[str, str]:
    return {
        key: hashlib.sha256(json.dumps(really, sort_keys=True).encode()).hexdigest()
        for key, value, really in _leaves("", masked, plain)
        if value != really
    }


def _leaves(prefix: str, masked: Any, plain: Any) -> Iterator[tuple[str, Any, Any]]:
    """Dotted key, what may be shown of it, and what it really is. What is masked as a whole has no keys below it."""
    if isinstance(masked, Mapping):
        for name, item in masked.items():
            yield from _leaves(f"{prefix}.{name}" if prefix else str(name), item, plain[name])
    else:
        yield prefix, masked, plain


def _settings() -> dict[str, Any]:
    """This process's effective settings, as its role has them."""
    tandem = read()
    role = os.environ["TANDEM_ROLE"]
    boot(tandem, role)
    plain = canonical.canonical(_shared_settings(), str(tandem.root))
    variables = {name: os.environ[name] for name in tandem.file.roles[role].environment}
    return {"digest": current_digest(), **shown(plain, variables)}


def _settings_or_problems() -> dict[str, Any]:
    try:
        return _settings()
    except ConfigurationError as error:
        return {"problems": error.problems}


if __name__ == "__main__":
    print(json.dumps(_settings_or_problems()))  # noqa: T201 - the answer to the process that asked
