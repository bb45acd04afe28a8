"""Artifacts, contexts, actions and associations through boto3 on a live server."""

import os
import subprocess
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import Server
from tests.sdk.conftest import through_sageyard

SDK = """
import boto3
from sagemaker.lineage import action, artifact, association, context, query
from sagemaker.session import Session

name = {name!r}
session = Session(boto_session=boto3.Session(region_name="us-east-1"), default_bucket="none")
known = {{"sagemaker_session": session}}
data = artifact.Artifact.create(source_uri="s3://" + name, artifact_type="DataSet", properties={{"a": "1"}}, **known)
deployed = action.Action.create(
    action_name=name, source_uri=name, action_type="ModelDeployment", status="InProgress", **known
)
endpoint = context.EndpointContext.create(context_name=name, source_uri=name, context_type="Endpoint", **known)
association.Association.create(source_arn=data.artifact_arn, destination_arn=deployed.action_arn, **known)
association.Association.create(source_arn=deployed.action_arn, destination_arn=endpoint.context_arn, **known)
data.properties, data.properties_to_remove = {{"b": "2"}}, ["a"]
data.save()
assert artifact.Artifact.load(data.artifact_arn, session).properties == {{"b": "2"}}
found = query.LineageQuery(session).query([endpoint.context_arn], direction=query.LineageQueryDirectionEnum.ASCENDANTS)
assert [type(vertex.to_lineage_object()).__name__ for vertex in found.vertices] == [
    "EndpointContext", "Action", "DatasetArtifact"
], found
assert [one.artifact_arn for one in endpoint.dataset_artifacts()] == [data.artifact_arn]
for entity in (endpoint, deployed, data):
    entity.delete(disassociate=True)
"""


@pytest.fixture
def make(sagemaker: Any, unique: str) -> Any:
    """Creates vertices and associations with names of the test's own; answers ARNs."""

    class Make:
        def artifact(self, name: str, kind: str = "DataSet", **more: Any) -> str:
            source = {"SourceUri": f"s3://{unique}/{name}"}
            return str(sagemaker.create_artifact(Source=source, ArtifactType=kind, **more)["ArtifactArn"])

        def context(self, name: str, kind: str = "Endpoint", **more: Any) -> str:
            source = {"SourceUri": f"arn:{unique}-{name}", "SourceType": "ARN"}
            return str(
                sagemaker.create_context(ContextName=f"{unique}-{name}", Source=source, ContextType=kind, **more)[
                    "ContextArn"
                ]
            )

        def action(self, name: str, **more: Any) -> str:
            source = {"SourceUri": f"s3://{unique}/{name}"}
            return str(
                sagemaker.create_action(
                    ActionName=f"{unique}-{name}", Source=source, ActionType="ModelDeployment", **more
                )["ActionArn"]
            )

        def component(self, name: str) -> str:
            return str(sagemaker.create_trial_component(TrialComponentName=f"{unique}-{name}")["TrialComponentArn"])

        def edge(self, source: str, destination: str, kind: str = "ContributedTo") -> None:
            sagemaker.add_association(SourceArn=source, DestinationArn=destination, AssociationType=kind)

    return Make()


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_an_artifact_is_its_source_so_a_second_one_is_refused(sagemaker: Any, unique: str) -> None:
    source = {"SourceUri": f"s3://{unique}/data", "SourceTypes": [{"SourceIdType": "S3ETag", "Value": "e1"}]}
    arn = sagemaker.create_artifact(ArtifactName=unique, Source=source, ArtifactType="DataSet")["ArtifactArn"]
    kind, _, digest = arn.rpartition(":")[2].partition("/")
    assert kind == "artifact"
    assert len(digest) == 32
    assert int(digest, 16) > 0
    code, message = refusal(sagemaker.create_artifact, Source=source, ArtifactType="Other")
    assert code == "ValidationException"
    assert "already exists" in message
    assert arn in message
    other = source | {"SourceTypes": [{"SourceIdType": "S3ETag", "Value": "e2"}]}
    second = sagemaker.create_artifact(Source=other, ArtifactType="DataSet")["ArtifactArn"]
    assert second != arn
    listed = sagemaker.list_artifacts(SourceUri=source["SourceUri"])["ArtifactSummaries"]
    assert {entry["ArtifactArn"] for entry in listed} == {arn, second}
    described = sagemaker.describe_artifact(ArtifactArn=arn)
    assert (described["ArtifactName"], described["Source"]) == (unique, source)
    assert sagemaker.delete_artifact(Source=source)["ArtifactArn"] == arn
    assert refusal(sagemaker.describe_artifact, ArtifactArn=arn)[0] == "ResourceNotFound"


def test_artifacts_are_listed_by_type(sagemaker: Any, make: Any) -> None:
    kind = f"Kind{os.urandom(4).hex()}"
    arn = make.artifact("a", kind)
    make.artifact("b", "DataSet")
    assert [entry["ArtifactArn"] for entry in sagemaker.list_artifacts(ArtifactType=kind)["ArtifactSummaries"]] == [arn]


def test_deleting_an_artifact_needs_its_arn_or_source(sagemaker: Any) -> None:
    assert "either ArtifactArn or Source" in refusal(sagemaker.delete_artifact)[1]


def test_properties_are_overwritten_and_removed(sagemaker: Any, make: Any) -> None:
    arn = make.artifact("a", Properties={"a": "1", "b": "2"})
    sagemaker.update_artifact(ArtifactArn=arn, PropertiesToRemove=["b"])
    assert sagemaker.describe_artifact(ArtifactArn=arn)["Properties"] == {"a": "1"}
    sagemaker.update_artifact(ArtifactArn=arn, Properties={"c": "3"}, ArtifactName="renamed")
    described = sagemaker.describe_artifact(ArtifactArn=arn)
    assert described["Properties"] == {"c": "3"}
    assert described["ArtifactName"] == "renamed"


def test_an_actions_status_is_what_its_creator_says(sagemaker: Any, make: Any, unique: str) -> None:
    make.action("a", Status="InProgress")
    assert sagemaker.describe_action(ActionName=f"{unique}-a")["Status"] == "InProgress"
    sagemaker.update_action(ActionName=f"{unique}-a", Status="Completed")
    assert sagemaker.describe_action(ActionName=f"{unique}-a")["Status"] == "Completed"
    make.action("b")
    assert sagemaker.describe_action(ActionName=f"{unique}-b")["Status"] == "Unknown"
    listed = sagemaker.list_actions(SourceUri=f"s3://{unique}/a")["ActionSummaries"]
    assert [(entry["ActionName"], entry["Status"]) for entry in listed] == [(f"{unique}-a", "Completed")]


def test_a_second_context_of_a_name_already_exists(sagemaker: Any, make: Any, unique: str) -> None:
    make.context("c")
    code, message = refusal(
        sagemaker.create_context, ContextName=f"{unique}-c", Source={"SourceUri": "x"}, ContextType="Endpoint"
    )
    assert code == "ValidationException"
    assert "already exists" in message
    listed = sagemaker.list_contexts(SourceUri=f"arn:{unique}-c")["ContextSummaries"]
    assert [entry["ContextName"] for entry in listed] == [f"{unique}-c"]


def test_associations_are_added_listed_and_deleted(sagemaker: Any, make: Any, unique: str) -> None:
    data, model, endpoint = make.artifact("d", ArtifactName="data"), make.artifact("m", "Model"), make.context("e")
    make.edge(data, model)
    make.edge(model, endpoint, "AssociatedWith")
    (found,) = sagemaker.list_associations(SourceArn=data)["AssociationSummaries"]
    assert found["CreationTime"].year > 2000
    del found["CreationTime"]
    assert found == {
        "SourceArn": data,
        "DestinationArn": model,
        "SourceType": "DataSet",
        "DestinationType": "Model",
        "AssociationType": "ContributedTo",
        "SourceName": "data",
    }
    (found,) = sagemaker.list_associations(SourceArn=model, DestinationType="Endpoint")["AssociationSummaries"]
    assert found["DestinationName"] == f"{unique}-e"
    assert sagemaker.list_associations(SourceArn=data, AssociationType="Produced")["AssociationSummaries"] == []
    code, message = refusal(sagemaker.add_association, SourceArn=data, DestinationArn=model)
    assert code == "ValidationException"
    assert "already exists" in message
    sagemaker.delete_association(SourceArn=data, DestinationArn=model)
    gone = refusal(sagemaker.delete_association, SourceArn=data, DestinationArn=model)
    assert gone[0] == "ResourceNotFound"
    assert sagemaker.list_associations(SourceArn=data)["AssociationSummaries"] == []


def test_associations_need_ends_that_exist_and_are_not_both_of_experiments(sagemaker: Any, make: Any) -> None:
    data, one, two = make.artifact("d"), make.component("1"), make.component("2")
    missing = data[:-4] + "beef"
    assert refusal(sagemaker.add_association, SourceArn=data, DestinationArn=missing)[0] == "ResourceNotFound"
    assert refusal(sagemaker.add_association, SourceArn=one, DestinationArn=two)[0] == "ValidationException"
    make.edge(data, one)


def test_pages_of_associations_come_sorted_and_whole(sagemaker: Any, make: Any) -> None:
    centre = make.context("centre")
    arns = [make.artifact(str(number)) for number in range(7)]
    for arn in arns:
        make.edge(arn, centre)
    pages = list(
        sagemaker.get_paginator("list_associations").paginate(
            DestinationArn=centre, SortBy="SourceArn", SortOrder="Ascending", PaginationConfig={"PageSize": 3}
        )
    )
    assert [len(page["AssociationSummaries"]) for page in pages] == [3, 3, 1]
    listed = [entry["SourceArn"] for page in pages for entry in page["AssociationSummaries"]]
    assert listed == sorted(arns)


def test_a_vertex_with_associations_cannot_be_deleted(sagemaker: Any, make: Any, unique: str) -> None:
    data, endpoint = make.artifact("d"), make.context("e")
    make.edge(data, endpoint)
    for call, name in ((sagemaker.delete_artifact, {"ArtifactArn": data}),
                       (sagemaker.delete_context, {"ContextName": f"{unique}-e"})):  # fmt: skip
        code, message = refusal(call, **name)
        assert code == "ValidationException"
        assert "1 association(s) and cannot be deleted" in message
    sagemaker.delete_association(SourceArn=data, DestinationArn=endpoint)
    sagemaker.delete_artifact(ArtifactArn=data)
    sagemaker.delete_context(ContextName=f"{unique}-e")


class Graph:
    """data -> training -> model -> deployment -> endpoint; image -> training; training -> report."""

    def __init__(self, make: Any) -> None:
        self.data, self.image = make.artifact("data", Properties={"split": "train"}), make.artifact("image", "Image")
        self.training, self.model = make.component("training"), make.artifact("model", "Model")
        self.report, self.deployment, self.endpoint = make.artifact("report"), make.action("deploy"), make.context("e")
        make.edge(self.data, self.training)
        make.edge(self.image, self.training)
        make.edge(self.training, self.model, "Produced")
        make.edge(self.training, self.report, "Produced")
        make.edge(self.model, self.deployment)
        make.edge(self.deployment, self.endpoint, "AssociatedWith")


def arns(answer: dict[str, Any]) -> set[str]:
    return {vertex["Arn"] for vertex in answer["Vertices"]}


def test_lineage_is_followed_up_down_and_both_ways(sagemaker: Any, make: Any) -> None:
    graph = Graph(make)
    up = sagemaker.query_lineage(StartArns=[graph.model], Direction="Ascendants")
    assert arns(up) == {graph.training, graph.data, graph.image}
    assert up["Edges"] == []
    down = sagemaker.query_lineage(StartArns=[graph.model], Direction="Descendants")
    assert {vertex["Arn"]: (vertex["Type"], vertex["LineageType"]) for vertex in down["Vertices"]} == {
        graph.deployment: ("ModelDeployment", "Action"),
        graph.endpoint: ("Endpoint", "Context"),
    }
    both = sagemaker.query_lineage(StartArns=[graph.model], Direction="Both")
    assert arns(both) == arns(up) | arns(down) | {graph.report}  # up to the training and down again


def test_depth_limits_how_far_lineage_is_followed(sagemaker: Any, make: Any) -> None:
    graph = Graph(make)
    near = sagemaker.query_lineage(StartArns=[graph.endpoint], Direction="Ascendants", MaxDepth=2)
    assert arns(near) == {graph.deployment, graph.model}


def test_filters_select_vertices_and_edges_show_the_paths_to_them(sagemaker: Any, make: Any) -> None:
    graph = Graph(make)
    filters = {"Types": ["DataSet"], "LineageTypes": ["Artifact"], "Properties": {"split": "train"}}
    request = {"StartArns": [graph.endpoint], "Direction": "Ascendants", "Filters": filters}
    assert arns(sagemaker.query_lineage(**request)) == {graph.data}
    path = sagemaker.query_lineage(**request, IncludeEdges=True)
    assert arns(path) == {graph.endpoint, graph.deployment, graph.model, graph.training, graph.data}
    assert {(edge["SourceArn"], edge["DestinationArn"], edge["AssociationType"]) for edge in path["Edges"]} == {
        (graph.data, graph.training, "ContributedTo"),
        (graph.training, graph.model, "Produced"),
        (graph.model, graph.deployment, "ContributedTo"),
        (graph.deployment, graph.endpoint, "AssociatedWith"),
    }
    filters = {"CreatedBefore": 1_000_000_000}
    assert arns(sagemaker.query_lineage(StartArns=[graph.endpoint], Filters=filters)) == set()


def test_pages_of_lineage_hold_every_vertex_and_edge_once(sagemaker: Any, make: Any) -> None:
    graph = Graph(make)
    request = {"StartArns": [graph.training], "IncludeEdges": True}
    whole = sagemaker.query_lineage(**request)
    pages = [sagemaker.query_lineage(**request, MaxResults=2)]
    while token := pages[-1].get("NextToken"):
        pages.append(sagemaker.query_lineage(**request, MaxResults=2, NextToken=token))
    assert len(pages) == 4
    assert [vertex for page in pages for vertex in page["Vertices"]] == whole["Vertices"]
    edges = [(edge["SourceArn"], edge["DestinationArn"]) for page in pages for edge in page["Edges"]]
    assert sorted(edges) == sorted((edge["SourceArn"], edge["DestinationArn"]) for edge in whole["Edges"])
    assert len(edges) == 6


def test_a_circle_of_associations_ends(sagemaker: Any, make: Any) -> None:
    one, two = make.artifact("1"), make.artifact("2")
    make.edge(one, two)
    make.edge(two, one)
    answer = sagemaker.query_lineage(StartArns=[one], Direction="Descendants", IncludeEdges=True)
    assert arns(answer) == {one, two}
    assert len(answer["Edges"]) == 2


def test_lineage_begins_at_an_entity_that_exists(sagemaker: Any, make: Any) -> None:
    missing = make.artifact("d")[:-4] + "beef"
    assert refusal(sagemaker.query_lineage, StartArns=[missing])[0] == "ResourceNotFound"
    assert refusal(sagemaker.query_lineage)[0] == "ValidationException"


@pytest.mark.timeout(180)
def test_the_sdk_v2_builds_follows_and_deletes_lineage(server: Server, sagemaker: Any, unique: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        through_sageyard(server, 2, "-c", SDK.format(name=unique)),
        env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert sagemaker.list_artifacts(SourceUri=f"s3://{unique}")["ArtifactSummaries"] == []
