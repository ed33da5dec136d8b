"""What differs between two roles, and whether it may."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from django.conf import settings
from django.views.debug import SafeExceptionReporterFilter

from django_tandem.config import canonical, overlay_rules
from django_tandem.config.boot import boot, environment
from django_tandem.config.read import check_role, read
from django_tandem.config.schema import File, Tandem
from django_tandem.errors import ConfigurationError

ABSENT = "(absent)"

# Tandem itself makes these differ or sets them; they say nothing of the project.
_OWN = ("TANDEM_RELEASE",)
_PASSWORD_IN_URL = re.compile(r"(?<=://)([^/@:]*):[^@/]+@")


class Effective(NamedTuple):
    """A role's settings as Django has them: JSON values, secrets masked, and the digest over what they really are."""

    role: str
    digest: str
    settings: dict[str, Any]
    environment: dict[str, str]


class Difference(NamedTuple):
    """A dotted key in which two roles differ, their (masked) values, and whether the overlay permits it."""

    key: str
    left: Any
    right: Any
    permitted: bool


def effective(tandem: Tandem, role: str) -> Effective:
    """What `role` has, found out in a process of its own, because settings may read the role's environment.

    Raises SettingsNotImportable and ConfigurationError as that process met them.
    """
    check_role(tandem, role)
    asked = subprocess.run(
        [sys.executable, "-m", "django_tandem.config.drift"],
        env={**os.environ, **environment(tandem, role)},
        cwd=tandem.root,
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode:
        raise ConfigurationError(asked.stderr.strip().splitlines()[-1:] or [f"role {role}: its settings do not load"])
    return Effective(role, **json.loads(asked.stdout.splitlines()[-1]))


def current_digest() -> str:
    """The digest of this process's settings."""
    return canonical.digest(_shared_settings(), str(read().root))


def differences(left: Effective, right: Effective, file: File) -> list[Difference]:
    """All settings and environment values in which two roles differ, by key."""
    found = []
    one, other = dict(_flat("", left.settings)), dict(_flat("", right.settings))
    for key in sorted(one.keys() | other.keys()):
        a, b = one.get(key, ABSENT), other.get(key, ABSENT)
        if a != b:
            permitted = overlay_rules.may_change(key, file) or key.endswith("OPTIONS.options")
            found.append(Difference(key, a, b, permitted))
    for name in sorted(left.environment.keys() | right.environment.keys()):
        a, b = left.environment.get(name, ABSENT), right.environment.get(name, ABSENT)
        if a != b:
            found.append(Difference(f"environment.{name}", a, b, overlay_rules.may_set(name, file)))
    return found


def _shared_settings() -> dict[str, Any]:
    return {name: getattr(settings, name) for name in dir(settings) if name.isupper() and name not in _OWN}


def _masked(value: Any, key: str = "") -> Any:
    """Django's own rule for what its error pages hide, and passwords inside URLs."""
    cleaned = SafeExceptionReporterFilter().cleanse_setting(key, value)
    if isinstance(cleaned, dict):
        return {name: _masked(item, str(name)) for name, item in cleaned.items()}
    if isinstance(cleaned, list):
        return [_masked(item) for item in cleaned]
    return _PASSWORD_IN_URL.sub(r"\1:********@", cleaned) if isinstance(cleaned, str) else cleaned


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _flat(f"{prefix}.{name}" if prefix else str(name), item)
    else:
        yield prefix, value


def _main() -> None:
    """Print this process's effective settings as one line of JSON."""
    tandem = read()
    role = os.environ["TANDEM_ROLE"]
    boot(tandem, role)
    plain = canonical.canonical(_shared_settings(), str(tandem.root))
    names = tandem.file.roles[role].environment
    print(  # noqa: T201 - the answer to the process that asked
        json.dumps(
            {
                "digest": current_digest(),
                "settings": {name: _masked(value, name) for name, value in plain.items()},
                "environment": {name: _masked(os.environ[name], name) for name in names},
            }
        )
    )


if __name__ == "__main__":
    try:
        _main()
    except ConfigurationError as error:
        sys.exit(str(error))
