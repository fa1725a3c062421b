"""Templates: the package of a page goes in, an environment that finds its templates and ours out.

Every page extends `frame.html.jinja`, which forbids it to ask the network for anything.
"""

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined


def page_environment(*packages: str) -> Environment:
    """Templates of `packages`, and of this one: the frame, the shared look and the swipe.

    Args:
        packages: Where a page's own templates lie, as in `aerialret.comparison`.
    """
    places = [PackageLoader(name, "") for name in (*packages, "aerialret.pages")]
    return Environment(
        loader=ChoiceLoader(places),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
