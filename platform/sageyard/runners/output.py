"""A container's output as lines."""

LINE_LIMIT = 256 * 1024 - 26
"""Bytes of one CloudWatch log event, less its overhead (PutLogEvents): longer lines are split here."""


class Lines:
    """Splits bytes into text lines as a terminal would show them.

    A carriage return starts its line again, so that a progress bar leaves its last state and not every one of
    them. Bytes that are no UTF-8 are replaced.
    """

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """The lines that `data` completes."""
        head, *others = data.split(b"\n")
        if not others and len(self._rest) + len(head) <= LINE_LIMIT:
            self._rest += head
            return []
        *complete, self._rest = [self._rest + head, *others]
        lines = [part for line in complete for part in _shown(line)]
        if len(self._rest) > LINE_LIMIT:
            *parts, last = _split(self._rest.rpartition(b"\r")[2])
            lines += [part.decode(errors="replace") for part in parts]
            self._rest = last
        return lines

    def end(self) -> list[str]:
        """The last line, if it was not ended."""
        rest, self._rest = self._rest, b""
        return _shown(rest) if rest else []


def _shown(line: bytes) -> list[str]:
    last = line.rstrip(b"\r").rpartition(b"\r")[2]
    return [part.decode(errors="replace") for part in _split(last)]


def _split(line: bytes) -> list[bytes]:
    """Pieces of at most LINE_LIMIT bytes, cut between characters."""
    parts = []
    while len(line) > LINE_LIMIT:
        cut = LINE_LIMIT
        while cut > LINE_LIMIT - 4 and line[cut] & 0xC0 == 0x80:
            cut -= 1
        parts.append(line[:cut])
        line = line[cut:]
    return [*parts, line]
