"""ClientRequestToken and ClientToken: a repeated request makes nothing twice."""

import pytest
from botocore.exceptions import ClientError

from tests.conformance.resource_maker import KINDS, SPECS, ResourceMaker, code_of
from tests.conformance.test_life_cycle import LISTS, listed

SIBLINGS = ("ImageName", "ModelCardName", "ClusterArn")
"""What two requests have in common where tokens count within one parent."""
CHANGED = {"ImageVersion": {"BaseImage": "123456789012.dkr.ecr.us-east-1.amazonaws.com/another:1"}}
KINDS_WITH_TOKEN = [kind for kind in KINDS if SPECS[kind].token_member]


@pytest.mark.parametrize("kind", KINDS_WITH_TOKEN)
def test_the_same_request_with_the_same_token_makes_one_resource(maker: ResourceMaker, kind: str) -> None:
    member = SPECS[kind].token_member
    assert member is not None
    made = maker.make(kind, **{member: maker.token()})
    again = maker.call(f"Create{kind}", made.request)
    if made.arn:
        assert again[SPECS[kind].arn_member] == made.arn
    if kind in LISTS:
        assert len(listed(maker, made)) == 1


@pytest.mark.parametrize("kind", KINDS_WITH_TOKEN)
def test_another_request_with_the_same_token_is_refused(maker: ResourceMaker, kind: str) -> None:
    member = SPECS[kind].token_member
    assert member is not None
    token = {member: maker.token()}
    made = maker.make(kind, **token)
    parent = {name: made.request[name] for name in SIBLINGS if name in made.request}
    other = maker.request(kind, maker.name(), [], token | parent | CHANGED.get(kind, {}))
    assert other != made.request
    with pytest.raises(ClientError) as caught:
        maker.call(f"Create{kind}", other)
    assert code_of(caught.value) in {"ResourceInUse", "ConflictException", "ValidationException"}
    assert token[member] in caught.value.response["Error"]["Message"]


def test_a_token_is_free_again_when_its_resource_is_gone(maker: ResourceMaker) -> None:
    token = maker.token()
    made = maker.make("Pipeline", ClientRequestToken=token)
    maker.client.delete_pipeline(PipelineName=made.name, ClientRequestToken=maker.token())
    assert maker.make("Pipeline", ClientRequestToken=token).name != made.name
