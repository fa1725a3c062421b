"""The sections of a pipeline file that `ingest` reads: grid, sources, services.

These dataclasses are the one place where a default lives.
"""

from dataclasses import dataclass

from aerialret.config.setting import check_range, setting
from aerialret.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class GridConfig:
    """The grid of places; fixed by the first date that is ingested."""

    crs: str = setting("", "CRS of the tile set, as EPSG:2154; empty takes the first orthophoto's.")
    tile_size_m: float = setting(1000.0, "Side of a tile, in metres.")
    tile_px: int = setting(256, "Side of a tile's rasters, in pixels.")
    origin: str = setting(
        "0,0", "Upper-left corner of cell (0, 0) as X,Y in metres; auto: the first date's corner."
    )

    def __post_init__(self) -> None:
        check_range("grid.tile_size_m", self.tile_size_m, low=1e-3)
        check_range("grid.tile_px", self.tile_px, low=16, high=4096)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceConfig:
    """The orthophotos and vector layers of one date."""

    ortho: tuple[str, ...] = setting((), "Orthophoto files, folders or patterns.")
    vectors: tuple[str, ...] = setting(
        (), "Vector files or folders; PATH=CLASS gives every feature of PATH one class."
    )
    classes: str = setting("bdtopo", "Class mapping: bdtopo, osm, or a TOML file.")
    ortho_crs: str = setting("", "CRS of orthophotos that carry none, as EPSG:2154.")
    vector_crs: str = setting("", "CRS of vector layers that carry none, as EPSG:2154.")
    vector_coverage: str = setting(
        "", "Where the vectors are complete: a polygon file; empty: see docs/ingest.md."
    )
    bands: tuple[int, ...] = setting((), "Bands for red, green, blue, from 1; empty: 1 or 1,2,3.")
    value_range: tuple[float, ...] = setting(
        (), "Sensor values drawn black and white; empty: 0,255 for 8 bits, 1-99% for 16 bits."
    )
    min_valid: float = setting(0.5, "Share of a tile's pixels that must be image, from 0 to 1.")
    line_width_m: float = setting(
        0.0, "One width for all lines, in metres; 0: by their attributes. RFIAP 2020 drew 2.8."
    )
    keep: tuple[str, ...] = setting(
        (), "Reasons for which the class mapping drops features, to be drawn after all."
    )
    mapping_options: tuple[str, ...] = setting(
        (), "Options of the class mapping to switch on, as religious-use or water-lines."
    )
    area: str = setting(
        "", "What to take of web services: left,bottom,right,top in the grid's CRS, or a file."
    )
    gsd_m: float = setting(
        0.0, "Ground pixel of imagery from map services, in metres; 0: the service's own."
    )
    date_graph: str = setting(
        "", "Polygons that say when each part was flown (mosaicking graph): a file or a WFS."
    )
    date_fields: tuple[str, ...] = setting(
        (), "Its date field, or its first and last; empty: found by their values."
    )

    def __post_init__(self) -> None:
        check_range("min_valid", self.min_valid, low=0, high=1)
        check_range("line_width_m", self.line_width_m, low=0)
        check_range("gsd_m", self.gsd_m, low=0)
        if len(self.bands) not in (0, 1, 3):
            raise ConfigurationError(f"bands has {len(self.bands)} entries, but takes 1 or 3")
        if len(self.value_range) not in (0, 2):
            raise ConfigurationError(
                f"value_range has {len(self.value_range)} entries, but takes 2: low, high"
            )
        if len(self.date_fields) > 2:
            raise ConfigurationError(
                f"date_fields has {len(self.date_fields)} entries, but takes 1, or 2: first, last"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicesConfig:
    """How web services are asked."""

    cache: str = setting("", "Folder that keeps their answers; empty: the user's cache folder.")
    requests_per_s: float = setting(10.0, "Most requests to one host in a second.")
    parallel: int = setting(4, "Most requests to one host at the same time.")
    timeout_s: float = setting(60.0, "Longest wait for an answer, in seconds.")
    retries: int = setting(5, "How often a request that failed is made again.")
    max_requests: int = setting(0, "Most requests in one run; 0: no limit.")
    max_bytes: float = setting(0.0, "Most bytes of whole files, as of a STAC, to fetch; 0: any.")

    def __post_init__(self) -> None:
        check_range("services.requests_per_s", self.requests_per_s, low=1e-3)
        check_range("services.parallel", self.parallel, low=1, high=8)
        check_range("services.timeout_s", self.timeout_s, low=1e-3)
        check_range("services.retries", self.retries, low=0)
        check_range("services.max_requests", self.max_requests, low=0)
        check_range("services.max_bytes", self.max_bytes, low=0)
