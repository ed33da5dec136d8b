"""Scripts and styles, served from here: a project may serve its static files elsewhere, or not yet."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

FOLDER = Path(__file__).parent / "static"
TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
FOREVER = "public, max-age=31536000, immutable"


@cache
def _files() -> Mapping[str, tuple[bytes, str]]:
    """By name: what is in the file, and a digest of it."""
    found = {}
    for path in sorted(FOLDER.iterdir()):
        if path.suffix in TYPES:
            content = path.read_bytes()
            found[path.name] = content, hashlib.sha256(content).hexdigest()[:12]
    return found


def urls() -> dict[str, str]:
    """The addresses of all files, for templates: by the file's name, with "_" for what templates cannot name. Each has
    the digest of its file, so that a browser can keep it as long as it likes."""
    return {
        name.replace(".", "_").replace("-", "_"): reverse("tandem:asset", args=[digest, name])
        for name, (_, digest) in _files().items()
    }


@require_safe
def asset(request: HttpRequest, digest: str, name: str) -> HttpResponse:
    """A file; nothing in it is secret, so whoever asks gets it."""
    if name not in _files():
        raise Http404(name)
    content, there = _files()[name]
    response = HttpResponse(content, content_type=TYPES[Path(name).suffix])
    response["Cache-Control"] = FOREVER if digest == there else "no-cache"
    response["X-Content-Type-Options"] = "nosniff"
    return response
