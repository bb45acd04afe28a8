"""SageMaker images, their versions and aliases, by boto3 on a live server."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import ACCOUNT, REGION, ROLE, Server, eventually

PREFIX = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
BASE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/custom:1"


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    """Code and message of a call that is refused."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


@pytest.fixture
def image(sagemaker: Any) -> str:
    """An image of the test's own, created."""
    name = f"Image-{os.urandom(4).hex()}"
    assert sagemaker.create_image(ImageName=name, RoleArn=ROLE)["ImageArn"] == f"{PREFIX}:image/{name.lower()}"
    eventually(lambda: sagemaker.describe_image(ImageName=name)["ImageStatus"] == "CREATED", what="the image")
    return name


def version(sagemaker: Any, image: str, **members: Any) -> str:
    """A new version of an image; its ARN."""
    return str(sagemaker.create_image_version(ImageName=image, BaseImage=BASE, **members)["ImageVersionArn"])


def aliases(sagemaker: Any, image: str, **members: Any) -> list[str]:
    found: list[str] = sagemaker.list_aliases(ImageName=image, **members)["SageMakerImageVersionAliases"]
    return found


def test_an_image_goes_from_creating_to_created_and_the_waiters_see_it(sagemaker: Any, unique: str) -> None:
    sagemaker.create_image(ImageName=unique, RoleArn=ROLE, Description="d", Tags=[{"Key": "a", "Value": "1"}])
    made = sagemaker.describe_image(ImageName=unique)
    assert made["ImageStatus"] in {"CREATING", "CREATED"}
    assert (made["DisplayName"], made["Description"], made["RoleArn"]) == (unique, "d", ROLE)
    sagemaker.get_waiter("image_created").wait(ImageName=unique, WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    arn = version(sagemaker, unique)
    assert arn == f"{PREFIX}:image-version/{unique.lower()}/1"
    sagemaker.get_waiter("image_version_created").wait(
        ImageName=unique, Version=1, WaiterConfig={"Delay": 1, "MaxAttempts": 20}
    )
    assert sagemaker.list_tags(ResourceArn=made["ImageArn"])["Tags"] == [{"Key": "a", "Value": "1"}]


def test_versions_count_from_one_and_a_number_is_never_given_again(sagemaker: Any, image: str) -> None:
    assert version(sagemaker, image).endswith("/1")
    assert version(sagemaker, image).endswith("/2")
    sagemaker.delete_image_version(ImageName=image, Version=2)
    assert version(sagemaker, image).endswith("/3")
    assert sagemaker.describe_image_version(ImageName=image)["Version"] == 3
    first = sagemaker.describe_image_version(ImageName=image, Version=1)
    assert (first["BaseImage"], first["ContainerImage"]) == (BASE, BASE)
    assert first["ImageArn"] == f"{PREFIX}:image/{image.lower()}"
    assert first["ImageVersionStatus"] in {"CREATING", "CREATED"}


def test_concurrent_versions_get_distinct_numbers(server: Server, image: str) -> None:
    client = server.client("sagemaker")
    with ThreadPoolExecutor(8) as pool:
        arns = list(pool.map(lambda _: version(client, image), range(16)))
    assert sorted(int(arn.rpartition("/")[2]) for arn in arns) == list(range(1, 17))


def test_a_repeated_request_makes_no_second_version(sagemaker: Any, image: str) -> None:
    first = version(sagemaker, image, ClientToken="token-1")
    assert version(sagemaker, image, ClientToken="token-1") == first
    other = refusal(sagemaker.create_image_version, ImageName=image, BaseImage="other", ClientToken="token-1")
    assert other[0] == "ResourceInUse"
    assert "token-1" in other[1]
    assert len(sagemaker.list_image_versions(ImageName=image)["ImageVersions"]) == 1


def test_an_alias_names_one_version_of_its_image(sagemaker: Any, image: str) -> None:
    version(sagemaker, image, Aliases=["stable", "1.0"], MLFramework="PyTorch 2.1", Horovod=False)
    version(sagemaker, image, Aliases=["latest"])
    stable = sagemaker.describe_image_version(ImageName=image, Alias="stable")
    assert (stable["Version"], stable["MLFramework"], stable["Horovod"]) == (1, "PyTorch 2.1", False)
    taken = refusal(sagemaker.create_image_version, ImageName=image, BaseImage=BASE, Aliases=["stable"])
    assert taken[0] == "ResourceInUse"
    sagemaker.update_image_version(ImageName=image, Version=1, AliasesToDelete=["stable"], VendorGuidance="ARCHIVED")
    sagemaker.update_image_version(ImageName=image, Alias="latest", AliasesToAdd=["stable"], ReleaseNotes="new")
    moved = sagemaker.describe_image_version(ImageName=image, Alias="stable")
    assert (moved["Version"], moved["ReleaseNotes"]) == (2, "new")
    assert sagemaker.describe_image_version(ImageName=image, Version=1)["VendorGuidance"] == "ARCHIVED"
    assert aliases(sagemaker, image) == ["1.0", "latest", "stable"]
    assert aliases(sagemaker, image, Version=1) == ["1.0"]
    assert aliases(sagemaker, image, Alias="stable") == ["latest", "stable"]
    pages = sagemaker.get_paginator("list_aliases").paginate(ImageName=image, PaginationConfig={"PageSize": 2})
    assert [page["SageMakerImageVersionAliases"] for page in pages] == [["1.0", "latest"], ["stable"]]
    sagemaker.delete_image_version(ImageName=image, Alias="stable")
    assert aliases(sagemaker, image) == ["1.0"]


def test_an_update_refuses_what_does_not_fit(sagemaker: Any, image: str) -> None:
    version(sagemaker, image)
    update = sagemaker.update_image_version
    assert refusal(update, ImageName=image, Version=1, AliasesToDelete=["none"])[0] == "ResourceNotFound"
    assert refusal(update, ImageName=image, Version=1, Alias="a", AliasesToAdd=["b"])[0] == "ValidationException"
    assert refusal(sagemaker.update_image, ImageName=image, DeleteProperties=["RoleArn"])[0] == "ValidationException"


def test_properties_of_an_image_are_changed_and_deleted(sagemaker: Any, image: str) -> None:
    sagemaker.update_image(ImageName=image, DisplayName="Shown", Description="d")
    assert sagemaker.describe_image(ImageName=image)["DisplayName"] == "Shown"
    sagemaker.update_image(ImageName=image, DeleteProperties=["Description", "DisplayName"])
    described = sagemaker.describe_image(ImageName=image)
    assert described["DisplayName"] == image
    assert "Description" not in described
    sagemaker.get_waiter("image_updated").wait(ImageName=image, WaiterConfig={"Delay": 1, "MaxAttempts": 5})


def test_images_and_versions_are_unknown_and_taken_in_aws_own_words(sagemaker: Any, image: str) -> None:
    assert refusal(sagemaker.create_image, ImageName=image, RoleArn=ROLE) == (
        "ResourceInUse",
        f"The Image with ImageName {image} already exists. Please use a different ImageName.",
    )
    assert refusal(sagemaker.describe_image_version, ImageName=image) == (
        "ResourceNotFound",
        f"Latest ImageVersion with ImageName {image} does not exist. Please provide a valid ImageName.",
    )
    for call in (sagemaker.describe_image_version, sagemaker.delete_image_version):
        for named in ({"Version": 7}, {"Alias": "none"}):
            code, message = refusal(call, ImageName=image, **named)
            assert code == "ResourceNotFound"
            assert "does not exist" in message
    code, message = refusal(sagemaker.create_image_version, ImageName=f"{image}x", BaseImage=BASE)
    assert code == "ResourceNotFound"
    assert "does not exist" in message


def test_a_version_of_an_image_that_is_not_created_yet_is_refused(sagemaker: Any, unique: str) -> None:
    sagemaker.create_image(ImageName=unique, RoleArn=ROLE)
    assert refusal(sagemaker.create_image_version, ImageName=unique, BaseImage=BASE) == (
        "ValidationException",
        f"Image {unique} is in an invalid state.",
    )


def test_listings_sort_and_page_by_ten(sagemaker: Any, image: str) -> None:
    for _ in range(12):
        version(sagemaker, image)
    page = sagemaker.list_image_versions(ImageName=image)
    assert [entry["Version"] for entry in page["ImageVersions"]] == list(range(12, 2, -1))
    rest = sagemaker.list_image_versions(ImageName=image, NextToken=page["NextToken"])
    assert [entry["Version"] for entry in rest["ImageVersions"]] == [2, 1]
    ascending = sagemaker.list_image_versions(ImageName=image, SortBy="VERSION", SortOrder="ASCENDING", MaxResults=3)
    assert [entry["Version"] for entry in ascending["ImageVersions"]] == [1, 2, 3]
    named = sagemaker.list_images(NameContains=image, SortBy="IMAGE_NAME", SortOrder="ASCENDING")["Images"]
    assert [entry["ImageName"] for entry in named] == [image]


def test_a_deleted_image_takes_its_versions_along(sagemaker: Any, image: str) -> None:
    version(sagemaker, image, Aliases=["a"])
    sagemaker.delete_image(ImageName=image)
    sagemaker.get_waiter("image_deleted").wait(ImageName=image, WaiterConfig={"Delay": 1, "MaxAttempts": 5})
    assert refusal(sagemaker.describe_image_version, ImageName=image, Version=1)[0] == "ResourceNotFound"
    sagemaker.create_image(ImageName=image, RoleArn=ROLE)
    assert sagemaker.list_image_versions(ImageName=image)["ImageVersions"] == []
    eventually(lambda: sagemaker.describe_image(ImageName=image)["ImageStatus"] == "CREATED", what="the image")
    assert version(sagemaker, image).endswith("/1")
