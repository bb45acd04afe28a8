"""One name, many clients at the same moment: exactly one gets it."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conformance.resource_maker import KINDS, SPECS, ResourceMaker
from tests.conftest import Server
from tests.property.live import Live

CLIENTS = 8
NAMED = [kind for kind in KINDS if not SPECS[kind].generated and kind != "ImageVersion"]

STORED_AS = {"AutoMLJobV2": "AutoMLJob"}
"""Types that are another version of one."""


@pytest.fixture(scope="module")
def maker(live: Live) -> ResourceMaker:
    return ResourceMaker(live.server.client("sagemaker"), live.server.client("s3"))


@pytest.mark.parametrize("kind", NAMED)
def test_of_many_creates_of_one_name_at_once_exactly_one_wins(live: Live, maker: ResourceMaker, kind: str) -> None:
    request = maker.request(kind, maker.name(), [])
    token = {SPECS[kind].token_member} & set(request)
    stored = STORED_AS.get(kind, kind)
    before = live.resources().get(stored, 0)
    start = threading.Barrier(CLIENTS)

    def create(server: Server) -> tuple[int, str]:
        client = Live(server)
        start.wait(10)
        status, _, body = client.post(f"Create{kind}", request | {str(name): maker.token() for name in token})
        client.close()
        return status, json.loads(body).get("__type", "")

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = sorted(pool.map(create, [live.server] * CLIENTS))
    won, lost = answers[0], answers[1:]
    assert won == (200, ""), answers
    assert [status for status, _ in lost] == [400] * (CLIENTS - 1)
    assert {code for _, code in lost} <= {"ResourceInUse", "ConflictException", "ValidationException"}
    assert live.resources()[stored] == before + 1
