"""The explained configuration: a `Pipeline` goes in, commented TOML with every key comes out."""

import json
from dataclasses import Field, fields
from typing import Any

from aerialret.config.sections import Pipeline
from aerialret.config.sources import SourceConfig

_HEADER = """\
# aerialret workspace: inside this folder the commands need no further argument:
#   aerialret ingest && aerialret train && aerialret index && aerialret query photo.tif
# Every key is listed with its default. Paths are relative to this file.
"""

_SOURCES_EXAMPLE = """\
# The orthophotos and vectors of each date: a section for each, named by its date, as 2004,
# 2004-07 or 1950..1965. An example; take the '#' away:
#
# [sources.2004]
"""


def explained(pipeline: Pipeline) -> str:
    """`pipeline` as TOML with each key's explanation above it."""
    parts = [_HEADER]
    for spec in fields(Pipeline):
        value = getattr(pipeline, spec.name)
        if spec.name == "sources":
            parts.append(_sources(value))
        else:
            doc = (type(value).__doc__ or "").splitlines()[0]
            parts.append(f"# {doc}\n[{spec.name}]\n{_keys(value)}")
    return "\n".join(parts)


def _sources(sources: Any) -> str:
    if not sources:
        return _SOURCES_EXAMPLE + _commented(_keys(SourceConfig()))
    return "\n".join(f'[sources."{date}"]\n{_keys(source)}' for date, source in sources.items())


def _keys(section: Any) -> str:
    return "".join(_key(spec, getattr(section, spec.name)) for spec in fields(section))


def _key(spec: "Field[Any]", value: Any) -> str:
    choices = spec.metadata["choices"]
    legal = f" [{' | '.join(choices)}]" if choices else ""
    return f"# {spec.metadata['doc']}{legal}\n{spec.name} = {toml_value(value)}\n"


def _commented(text: str) -> str:
    return "".join(f"# {line}\n" for line in text.splitlines())


def toml_value(value: Any) -> str:
    """A string, number, boolean or list of them in TOML's notation."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return f"[{', '.join(toml_value(item) for item in value)}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)  # a JSON string is a TOML basic string
    return repr(value)
