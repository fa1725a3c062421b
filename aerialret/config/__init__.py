"""The configuration: in goes TOML, out come frozen dataclasses, read strictly."""

from aerialret.config.sections import (
    EvaluateConfig,
    GridConfig,
    IndexConfig,
    ModelConfig,
    PathsConfig,
    Pipeline,
    QueryConfig,
    SourceConfig,
    SplitConfig,
    TrainConfig,
)
from aerialret.config.toml import as_plain, override, parse_pipeline, read_pipeline

__all__ = [
    "EvaluateConfig",
    "GridConfig",
    "IndexConfig",
    "ModelConfig",
    "PathsConfig",
    "Pipeline",
    "QueryConfig",
    "SourceConfig",
    "SplitConfig",
    "TrainConfig",
    "as_plain",
    "override",
    "parse_pipeline",
    "read_pipeline",
]
