"""HTML and SVG from elements. What is not `Html` is somebody's text and is escaped."""

import html
import re
from collections.abc import Iterable

LONGEST_NAME = 80
_VOID = {"br", "meta", "path", "rect", "line", "circle", "polyline"}
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


class Html(str):
    """Markup that is complete and safe."""

    __slots__ = ()


def text(value: object) -> Html:
    """Anything as text; markup stays what it is."""
    if isinstance(value, Html):
        return value
    return Html(html.escape(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", str(value)), quote=True))


def element(name: str, /, *children: object, **attributes: object) -> Html:
    """`element("p", "5 < 6", class_="note")`; lists of children are opened, None is left out, of children as of
    attributes. An attribute's underscores are hyphens, but for one at its end."""
    written = "".join(
        f' {attribute.removesuffix("_").replace("_", "-")}="{text(value)}"'
        for attribute, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Html(f"<{name}{written}/>")
    return Html(f"<{name}{written}>{''.join(_flat(children))}</{name}>")


def _flat(children: Iterable[object]) -> Iterable[str]:
    for child in children:
        if isinstance(child, list | tuple):
            yield from _flat(child)
        elif child is not None:
            yield text(child)


def short(name: object, limit: int = LONGEST_NAME) -> str:
    """A name that fits a line."""
    words = str(name)
    return words if len(words) <= limit else words[: limit - 1] + "…"
