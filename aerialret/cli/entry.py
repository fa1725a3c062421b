"""The command line: words go in, one step is called, its outcome is told.

What a machine reads goes to stdout or files, what a person reads to stderr. Exit status: 0 done;
1 finished, but some inputs were rejected; 2 the request or an input cannot be used.
"""

import sys
import warnings

from aerialret.cli.app import app
from aerialret.cli.path_lists import spread
from aerialret.errors import AerialretError

UNUSABLE = 2
INTERRUPTED = 130

_EXPECTED_WARNINGS = (
    "The dataset's nodata attribute is shadowing",  # NAIP declares nodata and alpha, and is read so
    "Dataset has no geotransform",  # said of rasters in memory; files without position are refused
)


def main() -> None:
    """Runs the command line and exits."""
    for said in _EXPECTED_WARNINGS:
        warnings.filterwarnings("ignore", message=said)
    try:
        app(args=spread(sys.argv[1:]), prog_name="aerialret")
    except AerialretError as error:
        _fail(str(error), UNUSABLE)
    except KeyboardInterrupt:
        _fail("interrupted; the same command goes on where this one stopped", INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output is gone: nobody is left to tell
        sys.exit(UNUSABLE)
    except OSError as error:
        _fail(f"{error.strerror or error}: {error.filename or 'no file named'}", UNUSABLE)


def _fail(message: str, status: int) -> None:
    from aerialret.services.http.secrets import masked

    line = masked(" ".join(message.split()))
    print(f"aerialret: {line}", file=sys.stderr)
    sys.exit(status)
