"""Checksums of object bodies: what clients ask to be verified or remembered."""

import base64
import hashlib
import zlib
from collections.abc import Callable
from typing import Protocol

from sageyard.aws.s3.errors import S3Error

PREFIX = "x-amz-checksum-"


class Digest(Protocol):
    """A running hash, as hashlib has it."""

    def update(self, data: bytes | bytearray, /) -> None:
        """More bytes."""

    def digest(self) -> bytes:
        """The hash of all bytes so far."""


class Crc32:
    """CRC-32 in hashlib's shape."""

    def __init__(self) -> None:
        self.value = 0

    def update(self, data: bytes | bytearray, /) -> None:
        """More bytes."""
        self.value = zlib.crc32(data, self.value)

    def digest(self) -> bytes:
        """Four bytes, big-endian, as S3 encodes them."""
        return self.value.to_bytes(4, "big")


# CRC32C, CRC64NVME and xxHash have no implementation in Python's library: their values are kept as sent, unverified.
COMPUTED: dict[str, Callable[[], Digest]] = {
    "crc32": Crc32,
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "sha256": hashlib.sha256,
    "sha512": hashlib.sha512,
}


class Digests:
    """MD5, for the ETag, and the checksums that one request asks for."""

    def __init__(self, headers: dict[str, str]) -> None:
        self.content_md5 = headers.get("content-md5")
        self.expected = {
            name.removeprefix(PREFIX): value
            for name, value in headers.items()
            if name.startswith(PREFIX) and name not in {f"{PREFIX}algorithm", f"{PREFIX}type", f"{PREFIX}mode"}
        }
        wanted = set(self.expected)
        for header in ("x-amz-sdk-checksum-algorithm", f"{PREFIX}algorithm"):
            if algorithm := headers.get(header):
                wanted.add(algorithm.lower())
        if trailer := headers.get("x-amz-trailer"):
            wanted.update(name.strip().lower().removeprefix(PREFIX) for name in trailer.split(","))
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._running = {name: COMPUTED[name]() for name in wanted if name in COMPUTED}

    def update(self, data: bytes | bytearray) -> None:
        """More bytes of the body."""
        self._md5.update(data)
        for digest in self._running.values():
            digest.update(data)

    @property
    def etag(self) -> str:
        """Hex MD5."""
        return self._md5.hexdigest()

    def finish(self, trailers: dict[str, str]) -> dict[str, str]:
        """The checksums to remember, by algorithm in lower case; BadDigest where one does not match the bytes."""
        expected = {
            **self.expected,
            **{name.removeprefix(PREFIX): value for name, value in trailers.items() if name.startswith(PREFIX)},
        }
        computed = {name: encode(digest.digest()) for name, digest in self._running.items()}
        for name, value in expected.items():
            if computed.get(name, value) != value:
                raise S3Error("BadDigest", f"The {name.upper()} you specified did not match the calculated checksum.")
        if self.content_md5 is not None and self.content_md5 != encode(self._md5.digest()):
            raise S3Error("BadDigest", "The Content-MD5 you specified did not match what we received.")
        return {**expected, **computed}


def encode(digest: bytes) -> str:
    """Base64, as checksum headers carry it."""
    return base64.b64encode(digest).decode()


def composite(algorithm: str, values: list[str]) -> str | None:
    """The checksum of checksums of a multipart object, `value-N`; None where it cannot be computed."""
    if algorithm not in COMPUTED or not all(values):
        return None
    digest = COMPUTED[algorithm]()
    for value in values:
        digest.update(base64.b64decode(value))
    return f"{encode(digest.digest())}-{len(values)}"
