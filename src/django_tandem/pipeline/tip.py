"""The tip: the commit that is to be shipped where nobody names one."""

from __future__ import annotations

from django_tandem.config.schema import Tandem
from django_tandem.release import source


def tip(tandem: Tandem) -> str:
    """The commit that pipeline.ref names now, in pipeline.remote where there is one. Raises CannotBuild and
    ToolMissing."""
    pipeline = tandem.file.pipeline
    if pipeline.remote is None:
        return source.resolve(tandem.root, pipeline.ref)
    return source.fetch(tandem.root, pipeline.remote, pipeline.ref)
