"""Licences: what a user calls one goes in, what a model hub's front matter says comes out."""

UNKNOWN = "unknown"

_HUB_NAMES = (
    "unknown", "other", "apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "isc", "mpl-2.0",
    "eupl-1.2", "lgpl-3.0", "gpl-2.0", "gpl-3.0", "agpl-3.0", "cc0-1.0", "cc-by-3.0", "cc-by-4.0",
    "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-sa-4.0",
    "cc-by-nc-nd-4.0", "etalab-2.0", "odbl", "pddl", "unlicense",
)  # fmt: skip
"""Identifiers that Hugging Face's hub knows, of those that imagery and code come under
(https://huggingface.co/docs/hub/repositories-licenses)."""


def licence_fields(licence: str) -> dict[str, str]:
    """The front matter of a licence: one that the hub does not know is `other`, with its name."""
    known = licence.strip().lower()
    if known in _HUB_NAMES:
        return {"license": known}
    return {"license": "other", "license_name": "-".join(known.split())}


def licence_text(licence: str) -> str:
    """What the card says of the licence."""
    own = (
        "Unknown: whoever made this model has not said."
        if licence == UNKNOWN
        else f"The model: {licence}."
    )
    return (
        f"{own} The licences of the imagery, of the vector layers and of the initial weights apply "
        "besides; ask their publishers before you pass the model on."
    )
