"""Every error a user can cause; the command line prints its message and exits with status 2.

A message says what was asked, what is there, and what to do.

    AerialretError
    ├── ConfigurationError        a key, a value or a recipe that cannot be used
    ├── MissingInputError         a file or folder that is not there
    ├── UnreadableInputError      a file that is there but cannot be decoded
    ├── MissingCrsError           a raster or a layer without coordinate system
    ├── EmptyLayerError           a vector layer without features
    ├── UnmappedLayerError        a vector layer that no class rule names
    ├── NotAnArtefactError        a folder that is no tile set, model, index or report
    ├── ArtefactVersionError      an artefact written by a newer format
    ├── StaleArtefactError        an artefact whose parent is another one
    ├── UnknownDateError          a date that the tile set does not hold
    ├── ServiceError              a web service that does not answer as it should
    │   └── RequestLimitError     a run that has made all requests it may
    ├── NotFiniteError            a model whose descriptors are no numbers
    ├── DivergedTrainingError     a training whose loss is no number any more
    ├── NothingToDoError          no tile, place or photo is left to work on
    └── WouldOverwriteError       an output that exists and was not made by this request
"""


class AerialretError(Exception):
    """The root of all errors that a request or its inputs can cause."""


class ConfigurationError(AerialretError):
    """A key, a value or a recipe cannot be used."""


class MissingInputError(AerialretError):
    """A file or folder is not there."""


class UnreadableInputError(AerialretError):
    """A file is there but cannot be decoded."""


class MissingCrsError(AerialretError):
    """A raster or a vector layer has no coordinate reference system."""


class EmptyLayerError(AerialretError):
    """A vector layer has no features."""


class UnmappedLayerError(AerialretError):
    """No class rule names this vector layer."""


class NotAnArtefactError(AerialretError):
    """A folder is not the artefact that was asked for."""


class ArtefactVersionError(AerialretError):
    """An artefact was written by a newer version of its format."""


class StaleArtefactError(AerialretError):
    """An artefact's parent is not the one that is given."""


class UnknownDateError(AerialretError):
    """The tile set does not hold this date."""


class ServiceError(AerialretError):
    """A web service does not answer as it should."""


class RequestLimitError(ServiceError):
    """A run has made all requests that it may; what was fetched is kept."""


class NotFiniteError(AerialretError):
    """A model describes tiles by values that are infinite or no numbers."""


class DivergedTrainingError(AerialretError):
    """The loss of a training is no number any more."""


class NothingToDoError(AerialretError):
    """No tile, place or photo is left to work on."""


class WouldOverwriteError(AerialretError):
    """The output exists and was not made by this request."""
