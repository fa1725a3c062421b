"""The configuration: in goes TOML, out come frozen dataclasses, read strictly."""

from aerialret.config.sections import (
    EvaluateConfig,
    IndexConfig,
    ModelConfig,
    PathsConfig,
    Pipeline,
    QueryConfig,
    SplitConfig,
    TrainConfig,
)
from aerialret.config.sources import GridConfig, ServicesConfig, SourceConfig
from aerialret.config.toml import as_plain, override, parse_pipeline, read_pipeline

__all__ = [
    "EvaluateConfig",
    "GridConfig",
    "IndexConfig",
    "ModelConfig",
    "PathsConfig",
    "Pipeline",
    "QueryConfig",
    "ServicesConfig",
    "SourceConfig",
    "SplitConfig",
    "TrainConfig",
    "as_plain",
    "override",
    "parse_pipeline",
    "read_pipeline",
]
