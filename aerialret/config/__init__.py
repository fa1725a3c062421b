"""The configuration: in goes TOML, out come frozen dataclasses, read strictly."""

from aerialret.config.model import ModelConfig
from aerialret.config.sections import (
    AnswerPageConfig,
    EvaluateConfig,
    IndexConfig,
    PathsConfig,
    Pipeline,
    QueryConfig,
    SplitConfig,
)
from aerialret.config.sources import GridConfig, ServicesConfig, SourceConfig
from aerialret.config.toml import as_plain, override, parse_pipeline, read_pipeline
from aerialret.config.training import TrainConfig

__all__ = [
    "AnswerPageConfig",
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
