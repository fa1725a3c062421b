"""Orthophoto files: a path goes in, what a reader must know of the file comes out.

Nothing is decoded here but headers; pixels are read by `aerialret.ingestion.imagery.sampling`.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyproj
import rasterio
from affine import Affine
from rasterio._err import CPLE_BaseError
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import NotGeoreferencedWarning, RasterioError, RasterioIOError
from rasterio.io import DatasetReader

from aerialret.config.sources import SourceConfig
from aerialret.errors import ConfigurationError, UnreadableInputError
from aerialret.ingestion.imagery.ortho_evidence import OWN
from aerialret.ingestion.imagery.ortho_position import locate

ORTHO_SUFFIXES = frozenset({".tif", ".tiff", ".jp2", ".j2k", ".jpx", ".vrt"})
"""Endings of the files that are taken from folders."""

_LOSSY_WORDS = frozenset({"JPEG", "LOSSY", "WEBP", "LERC", "JXL"})
_LOSSY_SUFFIXES = frozenset({".jp2", ".jpx", ".j2k", ".jpg", ".jpeg"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OrthoFile:
    """One orthophoto file.

    Attributes:
        path: Where it lies.
        crs: Its coordinate system.
        transform: From columns and rows to coordinates.
        width: Columns.
        height: Rows.
        bands: The one band or the three bands to read, from 1.
        dtype: NumPy's name of the pixel type.
        has_mask: Whether nodata, an alpha band or a mask band tells where there is no image.
        missing_blocks: Blocks (column, row) of a TIFF that were never written.
        block_shape: Rows and columns of a block.
        members: All files it is made of, sidecars and sources of a VRT included.
        crs_origin: What the CRS is known from: `the file`, `.prj`, `.tab`, `its name`,
            `dalles.shp` or `--ortho-crs`.
        position_origin: What the geotransform is known from.
        is_lossy: Whether its compression changes pixels.
        codec_levels: How many levels of the 9/7 wavelet the file itself can be decoded at.
        warnings: What contradicts its position.
    """

    path: Path
    crs: pyproj.CRS
    transform: Affine
    width: int
    height: int
    bands: tuple[int, ...]
    dtype: str
    has_mask: bool
    missing_blocks: frozenset[tuple[int, int]]
    block_shape: tuple[int, int]
    members: tuple[Path, ...]
    crs_origin: str = OWN
    position_origin: str = OWN
    is_lossy: bool = False
    codec_levels: int = 0
    warnings: tuple[str, ...] = ()


def apply(transform: Affine, x: float, y: float) -> tuple[float, float]:
    """Where `transform` puts a point; affine has renamed its own operator for that."""
    return (
        transform.a * x + transform.b * y + transform.c,
        transform.d * x + transform.e * y + transform.f,
    )


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns the errors of a raster library on `path` into one clear line.

    Raises:
        UnreadableInputError: The block failed.
    """
    try:
        yield
    except (RasterioError, RasterioIOError, CPLE_BaseError) as error:
        detail = error.__cause__ or error
        raise UnreadableInputError(
            f"{path} cannot be read as an orthophoto; it may be truncated or damaged ({detail}); "
            "replace the file or leave it out"
        ) from error


def open_ortho(path: Path) -> DatasetReader:
    """The open file.

    Raises:
        UnreadableInputError: It cannot be opened.
    """
    with reading(path), warnings.catch_warnings():
        # A plain picture is reported below, as an error of ours.
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(path)


def inspect_ortho(path: Path, *, source: SourceConfig) -> OrthoFile:
    """What a reader must know of the file at `path`.

    Raises:
        UnreadableInputError: It cannot be opened, or is no georeferenced picture.
        MissingCrsError: It has no coordinate system.
        ConfigurationError: It lacks the bands that were asked for.
    """
    with open_ortho(path) as dataset, reading(path):
        position = locate(dataset, path=path, given_crs=source.ortho_crs)
        bands = _bands(dataset, path=path, wanted=source.bands)
        return OrthoFile(
            path=path,
            crs=position.crs,
            transform=position.transform,
            width=dataset.width,
            height=dataset.height,
            bands=bands,
            dtype=_dtype(dataset, path=path, bands=bands),
            has_mask=_has_mask(dataset, bands),
            missing_blocks=_missing_blocks(dataset, bands[0]),
            block_shape=dataset.block_shapes[bands[0] - 1],
            members=_members(dataset, path=path, beside=position.members),
            crs_origin=position.crs_origin,
            position_origin=position.position_origin,
            is_lossy=_is_lossy(dataset),
            codec_levels=_codec_levels(dataset, bands),
            warnings=position.warnings,
        )


def _members(dataset: DatasetReader, *, path: Path, beside: tuple[Path, ...]) -> tuple[Path, ...]:
    own = tuple(Path(member) for member in dataset.files) or (path,)
    return tuple(dict.fromkeys((*own, *beside)))


def _is_lossy(dataset: DatasetReader) -> bool:
    """Whether the compression of the file, or of a file that a VRT shows, changes pixels."""
    facts = dataset.tags(ns="IMAGE_STRUCTURE")
    words = " ".join(facts.get(key, "") for key in ("COMPRESSION", "COMPRESSION_REVERSIBILITY"))
    shown = {Path(member).suffix.lower() for member in dataset.files[1:]}
    return bool(_LOSSY_WORDS & set(words.upper().split()) or _LOSSY_SUFFIXES & shown)


def _codec_levels(dataset: DatasetReader, bands: tuple[int, ...]) -> int:
    """0 for all but JPEG2000 of the 9/7 wavelet: lossless files are of another, the 5/3."""
    if dataset.driver != "JP2OpenJPEG" or _has_mask(dataset, bands):
        return 0
    if dataset.tags(ns="IMAGE_STRUCTURE").get("COMPRESSION_REVERSIBILITY") != "LOSSY":
        return 0
    if any(member.lower().endswith(".ovr") for member in dataset.files):
        return 0
    return len(dataset.overviews(bands[0]))


def _bands(dataset: DatasetReader, *, path: Path, wanted: tuple[int, ...]) -> tuple[int, ...]:
    if wanted:
        if max(wanted) > dataset.count or min(wanted) < 1:
            raise ConfigurationError(
                f"bands {', '.join(map(str, wanted))} were asked for, but {path} has bands 1 to "
                f"{dataset.count}"
            )
        return wanted
    interpretations = zip(dataset.indexes, dataset.colorinterp, strict=True)
    colours = [band for band, meaning in interpretations if meaning != ColorInterp.alpha]
    if dataset.colorinterp[0] == ColorInterp.palette:
        raise UnreadableInputError(
            f"{path} has a colour table; write it as three bands with 'gdal_translate -expand rgb'"
        )
    if len(colours) == 2 or not colours:
        raise UnreadableInputError(
            f"{path} has {dataset.count} bands, of which {len(colours)} show colour, but one, "
            "three or more are needed; say which with --bands"
        )
    return tuple(colours[:3]) if len(colours) > 2 else (colours[0],)


def _dtype(dataset: DatasetReader, *, path: Path, bands: tuple[int, ...]) -> str:
    dtype = str(dataset.dtypes[bands[0] - 1])
    if dtype.startswith("complex"):
        raise UnreadableInputError(f"{path} holds complex numbers, which are no picture")
    return dtype


def _has_mask(dataset: DatasetReader, bands: tuple[int, ...]) -> bool:
    return any(MaskFlags.all_valid not in dataset.mask_flag_enums[band - 1] for band in bands)


def _missing_blocks(dataset: DatasetReader, band: int) -> frozenset[tuple[int, int]]:
    """Blocks without data: GDAL reads them as black, as in a TIFF whose writing was cut short."""
    if dataset.driver != "GTiff":
        return frozenset()
    height, width = dataset.block_shapes[band - 1]
    cells = (
        (col, row)
        for row in range(-(-dataset.height // height))
        for col in range(-(-dataset.width // width))
    )
    return frozenset(
        (col, row)
        for col, row in cells
        if dataset.get_tag_item(f"BLOCK_OFFSET_{col}_{row}", "TIFF", bidx=band) is None
    )
