"""The report for machines: what was found goes in, values that JSON can hold come out."""

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from aerialret.checking.imagery import Imagery
from aerialret.checking.layers import Vectors
from aerialret.checking.report import CheckReport
from aerialret.checking.suggestion import command, toml
from aerialret.tiles.grid import Bounds


def plain_report(report: CheckReport) -> dict[str, Any]:
    """Everything that a person is told, and each file's facts."""
    content = _plain(report)
    content["status"] = report.status
    content["suggestions"] = [
        {**_plain(one), "command": command(one), "toml": toml([one])} for one in report.suggestions
    ]
    return dict(content)


def _plain(value: Any) -> Any:
    if isinstance(value, Bounds):
        return list(value)
    if is_dataclass(value) and not isinstance(value, type):
        content = {spec.name: _plain(getattr(value, spec.name)) for spec in fields(value)}
        return {**content, **_summary(value)}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _summary(value: Any) -> dict[str, Any]:
    if isinstance(value, Imagery):
        return {
            "date": value.part.date,
            "extent": _plain(value.extent),
            "pixel_m": value.pixel_m,
            "size_bytes": sum(file.size_bytes for file in value.files),
            "formats": value.counted("format"),
            "usable": len(value.usable),
            "damaged": [str(file.path) for file in value.damaged],
            "without_crs": [str(file.path) for file in value.without_crs],
        }
    if isinstance(value, Vectors):
        return {"date": value.part.date, "is_mixed": value.is_mixed, "is_usable": value.is_usable}
    return {}
