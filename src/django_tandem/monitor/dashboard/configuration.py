"""The page of the configuration: what each role has, in what roles differ and whether they may, what drifted."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.http import HttpRequest

from django_tandem.config import boot, drift, overlay_rules
from django_tandem.config.drift import ABSENT
from django_tandem.config.read import from_environment
from django_tandem.config.schema import AsyncServer, Tandem
from django_tandem.config.secrets import MASK, mask
from django_tandem.monitor import effective
from django_tandem.monitor.dashboard import fleet, project
from django_tandem.monitor.dashboard.page import page
from django_tandem.monitor.effective import Effective
from django_tandem.pipeline import releases
from django_tandem.pipeline.orphans import Judged

# A shorter value of an environment variable says little, and is part of many texts.
LEAST = 4
ENVIRONMENT = "environment."


class Value(NamedTuple):
    """A setting of a role: its `text` as it may be shown; `compared`: equal where the values are."""

    text: str
    compared: Any = None


Values = Mapping[str, Value]
NOTHING, HIDDEN = Value(ABSENT), Value("hidden")


@page("configuration")
def configuration(request: HttpRequest) -> dict[str, Any]:
    """The settings with which the running release was built, or else those that it has here."""
    tandem = project.configuration()
    with project.connection() as connection:
        built = releases.named(connection, tandem.release)
    named = built.manifest.get("named") if built else None
    found = Effective(built.manifest["settings"], named) if built and named else effective.of(tandem)
    known = found or Effective({}, {})
    values = {role: _values(known.named, role, tandem) for role in tandem.file.roles}
    servers = [one for one in fleet.newest().servers if one.verdict == "live" and one.seen.config_digest]
    roles = [_role(tandem, role, values[role], known, servers) for role in tandem.file.roles]
    return {
        "release": tandem.release,
        "is_built": bool(named),
        "is_known": found is not None,
        "problem": known.problem and mask(known.problem),
        "roles": roles,
        "drifted": [one for one in roles if one["is_drifted"]],
        "pairs": _pairs(values, tandem) if known.named else [],
        "names": list(values),
        "settings": _table(values),
        "overlay": tandem.file.overlay.allow,
    }


def _values(named: Mapping[str, Mapping[str, Any]], role: str, tandem: Tandem) -> Values:
    """All settings and environment values of a role, by dotted key. What comes from an environment variable is hidden
    wherever it stands."""
    if role not in named:
        return {}
    shown, hidden = named[role]["shown"], named[role]["hidden"]
    variables = {f"{ENVIRONMENT}{name}": variable for name, variable in from_environment(tandem, role).items()}
    private = _private(named, tandem)
    found = {key: Value(f"from ${variables[key]}" if key in variables else "hidden", hidden[key]) for key in hidden}
    for key, value in shown.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if key in variables:  # as manifests had it before such values were private
            found[key] = Value(f"from ${variables[key]}", _comparable(value))
        elif _has(text, private, is_text=isinstance(value, str)):
            found[key] = Value("from the environment", _comparable(value))
        else:
            found[key] = Value("hidden" if MASK in text else text, _comparable(value))
    return found


def _private(named: Mapping[str, Mapping[str, Any]], tandem: Tandem) -> set[str]:
    """What variables that tandem.toml names hold here, or held where the release was built."""
    found = set()
    for role in tandem.file.roles:
        for name, variable in from_environment(tandem, role).items():
            found.add(boot.BEGAN_WITH.get(variable, ""))
            found.add(str(named.get(role, {}).get("shown", {}).get(f"{ENVIRONMENT}{name}", "")))
    return found - {""}


def _has(text: str, private: set[str], *, is_text: bool) -> bool:
    if is_text and text in private:
        return True
    return any(len(one) >= LEAST and one in text for one in private)


def _comparable(value: Any) -> tuple[str, str]:
    return type(value).__name__, json.dumps(value, sort_keys=True)  # True is 1 for Python, and not for a setting


def _role(tandem: Tandem, name: str, values: Values, known: Effective, servers: Sequence[Judged]) -> dict[str, Any]:
    role = tandem.file.roles[name]
    declared = role.model_dump(mode="json", exclude={"environment", "settings"})
    if isinstance(role, AsyncServer):
        declared["queues"] = list(tandem.queues_of(role))
    own = [one.seen for one in servers if one.seen.role == name]
    changed = [key for key in values if any(key == one or key.startswith(f"{one}.") for one in role.settings)]
    digests = sorted({str(one.config_digest) for one in own})
    return {
        "name": name,
        "declared": [(key, _plain(value)) for key, value in declared.items() if value is not None],
        "changed": [(key, values[key].text) for key in changed],
        "environment": [(one, values.get(f"{ENVIRONMENT}{one}", HIDDEN).text) for one in role.environment],
        "digest": known.digests.get(name),
        "servers": [
            {
                "name": one.name,
                "digest": one.config_digest,
                "as_built": None if name not in known.digests else one.config_digest == known.digests[name],
            }
            for one in own
        ],
        "digests": digests,
        "is_drifted": len(digests) > 1 or any(digest != known.digests.get(name, digest) for digest in digests),
    }


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return mask(value) if isinstance(value, str) else json.dumps(value)


def _pairs(values: Mapping[str, Values], tandem: Tandem) -> list[dict[str, Any]]:
    """Each two roles, and in what they differ."""
    return [
        {"left": left, "right": right, "differences": _differences(values[left], values[right], tandem)}
        for left, right in itertools.combinations(values, 2)
    ]


def _differences(left: Values, right: Values, tandem: Tandem) -> list[dict[str, Any]]:
    found = []
    for key in sorted(left.keys() | right.keys()):
        one, other = left.get(key, NOTHING), right.get(key, NOTHING)
        if one.compared != other.compared:
            if key.startswith(ENVIRONMENT):
                permitted = overlay_rules.may_set(key.removeprefix(ENVIRONMENT), tandem.file)
            else:
                permitted = drift.may_differ(key, one.text, other.text, tandem.file)
            found.append({"key": key, "left": one.text, "right": other.text, "permitted": permitted})
    return found


def _table(values: Mapping[str, Values]) -> list[dict[str, Any]]:
    """All settings: one value where all roles have the same."""
    keys = sorted({key for role in values.values() for key in role})
    found = []
    for key in keys:
        each = [role.get(key, NOTHING) for role in values.values()]
        same = len({one.compared for one in each}) == 1
        found.append({"key": key, "same": each[0].text if same else None, "each": [one.text for one in each]})
    return found
