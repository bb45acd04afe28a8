"""Decoding `aws-chunked` bodies.

Format: `size[;chunk-signature=...]CRLF bytes CRLF` repeated, a chunk of size 0, then trailer lines
(docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html). Signatures are not checked: the server listens
on loopback and knows no secrets.
"""

from sageyard.aws.s3.errors import S3Error


def is_chunked(headers: dict[str, str]) -> bool:
    """Whether a request's body is encoded so."""
    return "aws-chunked" in headers.get("content-encoding", "") or headers.get("x-amz-content-sha256", "").startswith(
        "STREAMING-"
    )


class ChunkDecoder:
    """Incremental decoder: `feed` returns the payload bytes decoded so far."""

    def __init__(self) -> None:
        self.trailers: dict[str, str] = {}
        self._pending = bytearray()
        self._left = 0  # payload bytes of the current chunk still to come
        self._ended = False

    def feed(self, data: bytes) -> bytes:
        """Decode more of the body."""
        pending = self._pending
        pending += data
        payload = bytearray()
        while pending:
            if self._left:
                taken = pending[: self._left]
                del pending[: self._left]
                payload += taken
                self._left -= len(taken)
                continue
            line, separator, _ = pending.partition(b"\r\n")
            if not separator:
                if len(pending) > 8192:
                    raise S3Error("InvalidRequest", "A chunk of the aws-chunked body has no size line.")
                break
            del pending[: len(line) + 2]
            if line:
                self._line(line.decode("latin-1"))
        return bytes(payload)

    def _line(self, line: str) -> None:
        if self._ended:
            name, _, value = line.partition(":")
            self.trailers[name.strip().lower()] = value.strip()
            return
        try:
            self._left = int(line.split(";", 1)[0], 16)
        except ValueError:
            raise S3Error("InvalidRequest", f"{line[:40]!r} is not the size line of an aws-chunked chunk.") from None
        self._ended = self._left == 0

    def finish(self) -> None:
        """The body has ended: IncompleteBody unless its last chunk has come."""
        if not self._ended:
            raise S3Error("IncompleteBody", "The aws-chunked body ended before its last chunk.")
