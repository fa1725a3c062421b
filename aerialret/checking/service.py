"""A web service looked at: an entry goes in, what the service says of itself comes out."""

from collections.abc import Sequence

from aerialret.checking.report import ServiceFacts, Suggestion
from aerialret.checking.suggestion import UNKNOWN_DATE
from aerialret.config.sources import ServicesConfig
from aerialret.errors import AerialretError
from aerialret.services.entries import parse_entry


def check_service(entry: str, *, config: ServicesConfig) -> ServiceFacts:
    """What the service at `entry` says of itself; a refusal or a failure is part of the facts."""
    try:
        parsed = parse_entry(entry)
    except AerialretError as error:
        return ServiceFacts(entry=entry, problem=str(error))
    return ServiceFacts(
        entry=entry,
        title=parsed.title,
        kind=parsed.kind.upper(),
        facts={"address": parsed.url, **dict(parsed.options)},
        imagery=parsed.kind != "wfs",
    )


def service_suggestion(services: Sequence[ServiceFacts]) -> Suggestion:
    """A command that takes what several services give."""
    imagery = tuple(service.entry for service in services if service.imagery)
    vectors = tuple(service.entry for service in services if not service.imagery)
    values = {"ortho": imagery, **({"vectors": vectors} if vectors else {})}
    return Suggestion(date=UNKNOWN_DATE, source=values, grid={})
