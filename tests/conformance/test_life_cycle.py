"""The life of one resource of every type, through boto3: made, described, listed, tagged, changed, deleted, gone."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from sageyard.resources.derive import listed_kind

from tests.conformance.conftest import OneOf
from tests.conformance.minimal_requests import string
from tests.conformance.resource_maker import KINDS, MODEL, NAMED_BY, SPECS, Made, ResourceMaker, code_of

LISTS = {kind: name for name in MODEL.operations if name.startswith("List") and (kind := listed_kind(name[4:], SPECS))}
"""The List operation of a type."""
NAMED = [kind for kind in KINDS if not SPECS[kind].generated and kind != "ImageVersion"]
DELETED = [kind for kind in KINDS if f"Delete{kind}" in MODEL.operations]
IN_SOME_STATUS = ("Endpoint", "InferenceExperiment")
"""Types that are only updated while they work, and without containers they do not."""
UPDATED = [kind for kind in KINDS if f"Update{kind}" in MODEL.operations and kind not in IN_SOME_STATUS]
TAGGED = [kind for kind in KINDS if ResourceMaker.takes(kind, "Tags")]
MAY_BE_EMPTY = {"EndpointName", "JobDescription", "NextToken", "ResponseMetadata"}
"""Required members of answers, of which the resource has none."""
NEEDED_IN_UPDATE: dict[str, dict[str, Any]] = {
    "ClusterSchedulerConfig": {"TargetVersion": 1},
    "ComputeQuota": {"TargetVersion": 1},
    "FeatureGroup": {"FeatureAdditions": [{"FeatureName": "added", "FeatureType": "String"}]},
    "ModelCard": {"ModelCardStatus": "PendingReview"},
}
"""What an Update cannot do without."""


def listed(maker: ResourceMaker, made: Made) -> list[Any]:
    """Entries of the type's listing that name the resource or its ARN."""
    operation = LISTS[made.kind]
    members = MODEL.input_shape(operation)["members"]
    request = {name: value for name, value in (made.request | made.identity).items() if name in members}
    asked = {name: value for name, value in request.items() if name in MODEL.input_shape(operation).get("required", ())}
    if "MaxResults" in members:
        asked["MaxResults"] = 100
    found: list[Any] = []
    while True:
        answer = maker.call(operation, asked)
        items = next(value for value in answer.values() if isinstance(value, list))
        found += [item for item in items if _names(item, made)]
        if "NextToken" not in answer:
            return found
        asked["NextToken"] = answer["NextToken"]


def _names(item: Any, made: Made) -> bool:
    values = list(item.values()) if isinstance(item, dict) else [item]
    own = made.identity.get(NAMED_BY.get(made.kind, ""), next(reversed(made.identity.values())))
    return made.arn in values or own in values


def refusal(maker: ResourceMaker, operation: str, request: dict[str, Any]) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        maker.call(operation, request)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return code_of(caught.value), caught.value.response["Error"]["Message"]


@pytest.mark.parametrize("kind", KINDS)
def test_describe_shows_what_create_asked_for(one_of: OneOf, kind: str) -> None:
    made = one_of(kind)
    shown = one_of.maker.settle(made)
    members = _described(kind)
    for member, value in made.request.items():
        if member in members and isinstance(value, str | int | bool):
            assert shown.get(member) == value, member
    assert {member for member, value in shown.items() if value == ""} <= MAY_BE_EMPTY
    if made.arn and SPECS[kind].arn_member in members:
        assert shown[SPECS[kind].arn_member] == made.arn


def _described(kind: str) -> Any:
    """The members of what Describe shows, inside its one structure where it has one."""
    output = MODEL.output_shape(f"Describe{kind}")
    inner = MODEL.member(output, SPECS[kind].wrapped) or output
    return inner["members"]


@pytest.mark.parametrize("kind", sorted(LISTS))
def test_the_listing_has_it_once(one_of: OneOf, kind: str) -> None:
    made = one_of(kind)
    entries = listed(one_of.maker, made)
    assert len(entries) == 1
    if isinstance(entries[0], dict):
        assert {member for member, value in entries[0].items() if value == ""} <= MAY_BE_EMPTY


@pytest.mark.parametrize("kind", TAGGED)
def test_tags_given_at_creation_are_listed(one_of: OneOf, kind: str) -> None:
    made = one_of(kind)
    arn = made.arn or one_of.maker.settle(made)[SPECS[kind].arn_member]
    assert one_of.maker.client.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "stage", "Value": kind}]


@pytest.mark.parametrize("kind", NAMED)
def test_a_second_one_of_the_same_name_is_refused(one_of: OneOf, kind: str) -> None:
    made = one_of(kind)
    token = SPECS[kind].token_member
    fresh = {token: one_of.maker.token()} if token in made.request else {}
    code, message = refusal(one_of.maker, f"Create{kind}", made.request | fresh)
    declared = MODEL.errors(f"Create{kind}") & {"ResourceInUse", "ConflictException"}
    assert code in (declared | {"ValidationException"}), message
    assert any(word in message for word in ("already", "in use")), message


@pytest.mark.parametrize("kind", UPDATED)
def test_update_changes_what_it_names(maker: ResourceMaker, kind: str) -> None:
    made = maker.make(kind)
    maker.rest(made)
    shape, shown = MODEL.input_shape(f"Update{kind}"), _described(kind)
    changes = {}
    for name in shape["members"]:
        member = MODEL.member(shape, name)
        assert member is not None
        if name in shown and name not in made.identity and name.endswith(("Description", "DisplayName")):
            changes[name] = string({**member, "min": 3})
    needed = NEEDED_IN_UPDATE.get(kind, {})
    known = made.request | made.identity | {SPECS[kind].arn_member: made.arn} | needed
    named = {
        name: known[name] for name in shape["members"] if name in (*made.identity, *shape.get("required", ()), *needed)
    }
    maker.call(f"Update{kind}", named | changes)
    found = maker.settle(made)
    assert {name: found.get(name) for name in changes} == changes
    if "LastModifiedTime" in found and "CreationTime" in found:
        assert found["LastModifiedTime"] >= found["CreationTime"]


@pytest.mark.parametrize("kind", DELETED)
def test_what_is_deleted_is_gone_with_its_tags(maker: ResourceMaker, kind: str) -> None:
    tags = {"Tags": [{"Key": "stage", "Value": "last"}]} if maker.takes(kind, "Tags") else {}
    made = maker.make(kind, **tags)
    arn = made.arn or maker.settle(made).get(SPECS[kind].arn_member, "")
    maker.delete(made)
    codes = {refusal(maker, f"{verb}{kind}", made.identity)[0] for verb in ("Describe", "Delete")}
    assert len(codes) == 1
    assert codes <= {"ResourceNotFound", "ValidationException"}
    assert listed(maker, made) == []
    if arn:
        assert refusal(maker, "ListTags", {"ResourceArn": arn})[0] in {"ResourceNotFound", "ValidationException"}
    if kind in NAMED and not made.needed:
        maker.make(kind, name=made.name)
        assert maker.client.list_tags(ResourceArn=arn)["Tags"] == []
