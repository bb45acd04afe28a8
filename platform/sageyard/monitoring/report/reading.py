"""Documents read in small steps."""

import json
import re
from typing import Any

_BLANK = re.compile(r"[ \t\n\r]*")
_decode = json.JSONDecoder().raw_decode


def read_object(body: bytes) -> dict[str, Any]:
    """`json.loads` of an object, item by item of the lists in it; ValueError for what is none.

    Statistics of a thousand columns are 30 MB, and json.loads lets no other thread run until it has read them all, for
    a second. The server answers invocations meanwhile.
    """
    text = body.decode()
    place = _expected(text, 0, "{")
    found: dict[str, Any] = {}
    while text[place : place + 1] != "}":
        member, place = _decode(text, place)
        if not isinstance(member, str):
            raise ValueError("an object's members have names")
        place = _expected(text, place, ":")
        found[member], place = _list(text, place) if text[place : place + 1] == "[" else _decode(text, place)
        place = _next(text, place, "}")
    if _skip(text, place + 1) != len(text):
        raise ValueError("there is more than one object")
    return found


def _list(text: str, place: int) -> tuple[list[Any], int]:
    items = []
    place = _skip(text, place + 1)
    while text[place : place + 1] != "]":
        item, place = _decode(text, place)
        items.append(item)
        place = _next(text, place, "]")
    return items, place + 1


def _next(text: str, place: int, end: str) -> int:
    """Where the next item begins, or where `end` stands."""
    place = _skip(text, place)
    return place if text[place : place + 1] == end else _expected(text, place, ",")


def _expected(text: str, place: int, sign: str) -> int:
    """The place after a sign that must stand here, and after what is blank."""
    place = _skip(text, place)
    if text[place : place + 1] != sign:
        raise ValueError(f"no {sign} at {place}")
    return _skip(text, place + 1)


def _skip(text: str, place: int) -> int:
    found = _BLANK.match(text, place)
    return found.end() if found else place
