"""Settings as plain JSON values: the same text for the same settings in every process, on every host, in any folder."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import PurePath
from typing import Any

from django.utils.functional import Promise


def canonical(value: Any, root: str) -> Any:
    """`value` as JSON values. Paths at or below `root` (the project's folder) are written with `<root>` in its place:
    releases of the same commit stand in different folders. What has no form of its own is named by its type."""
    if isinstance(value, (bool, int, float, type(None))):
        return value
    if isinstance(value, (str, Promise, PurePath)):
        return re.sub(rf"(?<![\w.-]){re.escape(root)}(?![\w.-])", "<root>", str(value))
    if isinstance(value, Mapping):
        return {str(key): canonical(item, root) for key, item in sorted(value.items(), key=lambda pair: str(pair[0]))}
    if isinstance(value, (list, tuple)):
        return [canonical(item, root) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((canonical(item, root) for item in value), key=repr)
    if isinstance(value, (Decimal, timedelta, date, time)):
        return repr(value)
    if isinstance(value, bytes):
        return f"bytes:{hashlib.sha256(value).hexdigest()}"
    if isinstance(value, re.Pattern):
        return f"re:{value.pattern}"
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}.{named.__qualname__}"


def digest(settings: Mapping[str, Any], root: str) -> str:
    """`sha256:` and 64 hexadecimal digits over the canonical settings. It does not tell what is in them."""
    text = json.dumps(canonical(settings, root), sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
