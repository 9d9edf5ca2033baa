"""What an offline page is made of: templates, and facts as pairs of words."""

from __future__ import annotations

from functools import cache

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, select_autoescape

Facts = list[tuple[str, str]]
"""What is told, and the telling."""


@cache  # templates are compiled once a process
def templates_of(package: str) -> Environment:
    """Return what reads the templates of a package, and those that all pages share.

    Args:
        package: Dotted name of a package with a folder ``templates``.
    """
    return Environment(
        loader=ChoiceLoader(
            [PackageLoader(package, "templates"), PackageLoader("edgessl.page", "templates")]
        ),
        autoescape=select_autoescape(default=True),  # class names come from folder names
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
