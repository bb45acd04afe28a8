"""ARNs have the form that the model's patterns give them, and name a resource of their own region and type only."""

import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conformance.conftest import OneOf
from tests.conformance.resource_maker import KINDS, MODEL, SPECS, Made, ResourceMaker, code_of, verbs
from tests.conftest import ACCOUNT, REGION, Server
from tests.property.drawn_requests import fits

OTHER_REGION = "eu-west-1"
BY_ARN = [
    (kind, verb)
    for kind in KINDS
    for verb in verbs(kind)
    if (member := SPECS[kind].identity[-1]) in MODEL.input_shape(f"{verb}{kind}")["members"]
    and (shape := MODEL.member(MODEL.input_shape(f"{verb}{kind}"), member)) is not None
    and "arn:aws" in shape.get("pattern", "")
    and not fits(shape, f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f")
    and not member.endswith("Arn")
]
"""Operations in which an ARN may stand for the name."""
WRONG_PATTERNS = ("DeviceFleet", "EdgeDeploymentPlan", "EdgePackagingJob")
"""The model's patterns of these allow no region that has a digit, or IAM's ARNs only."""


@pytest.mark.parametrize("kind", KINDS)
def test_an_arn_has_the_form_that_the_model_gives_it(one_of: OneOf, kind: str) -> None:
    made = one_of(kind)
    member = SPECS[kind].arn_member
    if kind in WRONG_PATTERNS:
        assert re.fullmatch(rf"arn:aws:sagemaker:{REGION}:{ACCOUNT}:[a-z-]+/{made.name}", _arn(one_of, made))
        return
    shape = MODEL.member(MODEL.output_shape(f"Create{kind}"), member)
    if shape is None:
        shape = MODEL.member(MODEL.output_shape(f"Describe{kind}"), member)
    if shape is None:
        pytest.skip("no operation answers its ARN")
    arn = _arn(one_of, made)
    assert arn.split(":")[:5] == ["arn", "aws", "sagemaker", REGION, ACCOUNT]
    assert fits(shape, arn), arn


def _arn(one_of: OneOf, made: Made) -> str:
    return made.arn or str(one_of.maker.settle(made)[SPECS[made.kind].arn_member])


@pytest.mark.parametrize(("kind", "verb"), [row for row in BY_ARN if row[1] == "Describe"])
def test_an_arn_may_stand_for_the_name(one_of: OneOf, kind: str, verb: str) -> None:
    made = one_of(kind)
    by_name = one_of.maker.settle(made)
    by_arn = one_of.maker.call(f"{verb}{kind}", {SPECS[kind].identity[-1]: made.arn})
    assert _told(by_arn) == _told(by_name)


@pytest.mark.parametrize(("kind", "verb"), BY_ARN)
def test_an_arn_of_another_region_or_type_names_nothing(one_of: OneOf, kind: str, verb: str) -> None:
    made = one_of(kind)
    member = SPECS[kind].identity[-1]
    other = one_of("Experiment").arn
    shape = MODEL.member(MODEL.input_shape(f"{verb}{kind}"), member)
    assert shape is not None
    candidates = (made.arn.replace(REGION, OTHER_REGION), other.replace("experiment/", f"{SPECS[kind].arn_noun}/"))
    for arn in (arn for arn in candidates if fits(shape, arn)):
        request = {name: made.request.get(name, {}) for name in MODEL.input_shape(f"{verb}{kind}").get("required", ())}
        with pytest.raises(ClientError) as caught:
            one_of.maker.call(f"{verb}{kind}", request | {member: arn})
        assert code_of(caught.value) == SPECS[kind].not_found_code, caught.value


@pytest.mark.parametrize("kind", KINDS)
def test_a_resource_is_in_its_region_only(server: Server, one_of: OneOf, kind: str) -> None:
    made = one_of(kind)
    elsewhere = ResourceMaker(server.client("sagemaker", OTHER_REGION), server.client("s3", OTHER_REGION))
    with pytest.raises(ClientError) as caught:
        elsewhere.call(f"Describe{kind}", made.identity)
    assert code_of(caught.value) in {"ResourceNotFound", "ValidationException"}
    if made.arn:
        with pytest.raises(ClientError) as caught:
            elsewhere.client.list_tags(ResourceArn=made.arn)
        assert code_of(caught.value) in {"ResourceNotFound", "ValidationException"}


def _told(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}
