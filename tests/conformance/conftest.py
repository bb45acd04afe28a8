"""Resources of every type on the session's server."""

from typing import Any

import pytest

from tests.conformance.resource_maker import Made, ResourceMaker


@pytest.fixture(scope="session")
def maker(sagemaker: Any, s3: Any) -> ResourceMaker:
    return ResourceMaker(sagemaker, s3)


@pytest.fixture(scope="session")
def one_of(maker: ResourceMaker) -> "OneOf":
    return OneOf(maker)


class OneOf:
    """One resource of each type, made when first asked for: for tests that change nothing about it."""

    def __init__(self, maker: ResourceMaker) -> None:
        self.maker = maker
        self._made: dict[str, Made] = {}

    def __call__(self, kind: str) -> Made:
        if kind not in self._made:
            tags = {"Tags": [{"Key": "stage", "Value": kind}]} if self.maker.takes(kind, "Tags") else {}
            self._made[kind] = self.maker.make(kind, **tags)
        return self._made[kind]
