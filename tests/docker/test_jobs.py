"""Jobs and endpoints in containers, through boto3, with an image as users bring their own."""

import json
import os
from pathlib import Path

import pytest

from tests.conftest import Server, eventually, start_server
from tests.docker.conftest import Work, containers_of

pytestmark = pytest.mark.docker

FACTS = """
import os, socket, urllib.request
from pathlib import Path
config = json.load(open("/opt/ml/input/config/resourceconfig.json"))
health = json.load(urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/_sageyard/health"))
facts = {
    "host": socket.gethostname(),
    "interface": config["network_interface_name"],
    "interfaces": os.listdir("/sys/class/net"),
    "server": health["status"],
    "user": os.getuid(),
    "first": Path("/proc/1/cmdline").read_text().split(chr(0))[0],
    "job": os.environ["TRAINING_JOB_NAME"],
}
os.makedirs("/opt/ml/model/deep", 0o700)
json.dump(facts, open("/opt/ml/model/deep/facts.json", "w"))
print("accuracy=0.5;")
"""
TOGETHER = """
import socket, time
from pathlib import Path
config = json.load(open("/opt/ml/input/config/resourceconfig.json"))
me, (first, *others) = config["current_host"], config["hosts"]
mine = ord(me[-1]) - ord("0")
if me == first:
    server, total = socket.create_server(("", 9000)), mine
    for _ in others:
        total += int(server.accept()[0].makefile().read())
    Path("/opt/ml/model/total").write_text(str(total))
else:
    end = time.monotonic() + 30
    while True:
        try:
            connection = socket.create_connection((first, 9000))
            break
        except OSError:
            if time.monotonic() > end: raise
            time.sleep(0.05)
    connection.sendall(str(mine).encode())
"""
REACH = """
import os, urllib.request
urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/_sageyard/health", timeout=5)
"""


def test_a_training_job_of_a_users_own_image_keeps_the_contract(work: Work, own_image: str, unique: str) -> None:
    ended = work.train(
        unique,
        own_image,
        FACTS,
        AlgorithmSpecification={"MetricDefinitions": [{"Name": "accuracy", "Regex": "accuracy=(.*?);"}]},
    )
    assert ended["TrainingJobStatus"] == "Completed", ended
    assert ended["FinalMetricDataList"][0]["Value"] == 0.5
    facts = json.loads(work.model(ended)["deep/facts.json"])
    assert facts.pop("interface") in facts.pop("interfaces")
    assert facts.pop("first").endswith("docker-init")
    assert facts == {"host": "algo-1", "server": "ok", "user": 0, "job": unique}
    assert "accuracy=0.5;" in work.log("/aws/sagemaker/TrainingJobs", unique)


def test_hosts_of_one_job_talk_to_each_other_by_name(work: Work, own_image: str, unique: str) -> None:
    ended = work.train(unique, own_image, TOGETHER, instances=3)
    assert ended["TrainingJobStatus"] == "Completed", ended
    assert work.model(ended) == {"total": b"6"}


@pytest.mark.parametrize("instances", [1, 2])
def test_an_isolated_job_reaches_nothing(work: Work, own_image: str, unique: str, instances: int) -> None:
    ended = work.train(unique, own_image, REACH, instances=instances, EnableNetworkIsolation=True)
    assert ended["TrainingJobStatus"] == "Failed"
    assert "urlopen error" in ended["FailureReason"]


def test_xgboost_trains_across_two_hosts(work: Work, built_images: None, unique: str) -> None:
    for shard in (1, 2):
        rows = "".join(f"{number % 2},{number % 2 + shard / 10},{number}\n" for number in range(50))
        work.s3.put_object(Bucket="jobs", Key=f"{unique}/{shard}.csv", Body=rows)
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://jobs/{unique}", "S3DataDistributionType": "ShardedByS3Key"}
    work.sagemaker.create_training_job(
        TrainingJobName=unique,
        RoleArn="arn:aws:iam::123456789012:role/SageyardExecutionRole",
        AlgorithmSpecification={
            "TrainingImage": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1",
            "TrainingInputMode": "File",
        },
        HyperParameters={"num_round": "3", "objective": "binary:logistic"},
        InputDataConfig=[
            {"ChannelName": "train", "ContentType": "text/csv", "DataSource": {"S3DataSource": source}},
        ],
        OutputDataConfig={"S3OutputPath": "s3://jobs/output"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 120},
    )
    ended = work.ended(lambda: work.sagemaker.describe_training_job(TrainingJobName=unique), "TrainingJobStatus")
    assert ended["TrainingJobStatus"] == "Completed", ended
    assert list(work.model(ended)) == ["xgboost-model"]


def test_an_endpoint_answers_from_the_containers_own_address(
    work: Work, docker_server: Server, own_image: str, unique: str
) -> None:
    assert work.deploy(unique, own_image)["EndpointStatus"] == "InService"
    assert len(containers_of(docker_server)) == 1
    answer = docker_server.client("sagemaker-runtime").invoke_endpoint(EndpointName=unique, Body=b"hello")
    assert answer["Body"].read() == b"HELLO"
    work.sagemaker.delete_endpoint(EndpointName=unique)
    with pytest.raises(work.sagemaker.exceptions.ClientError, match="Could not find"):
        work.ended(lambda: work.sagemaker.describe_endpoint(EndpointName=unique), "EndpointStatus")


def test_the_folder_of_a_job_is_the_servers_again(docker_server: Server) -> None:
    """What containers wrote as root is gone with the jobs: nothing foreign is left in the state directory."""
    owners = {path.lstat().st_uid for path in docker_server.state_dir.rglob("*")}
    assert owners == {os.getuid()}


def test_aws_clients_in_a_container_find_the_server(work: Work, built_images: None, unique: str) -> None:
    """Also the STS client of a fixed host, as the SageMaker SDKs make it; and a script may write where it starts."""
    script = (
        "import boto3; "
        "open('scratch', 'w').close(); "
        "boto3.client('s3').put_object(Bucket='jobs', Key='from-inside', Body=b'here'); "
        "print(boto3.client('sts', endpoint_url='https://sts.us-east-1.amazonaws.com').get_caller_identity()['Account'])"
    )
    algorithm = {"ContainerEntrypoint": ["python", "-c", script]}
    image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1"
    ended = work.train(unique, image, AlgorithmSpecification=algorithm)
    assert ended["TrainingJobStatus"] == "Completed", ended
    assert work.s3.get_object(Bucket="jobs", Key="from-inside")["Body"].read() == b"here"
    assert "123456789012" in work.log("/aws/sagemaker/TrainingJobs", unique)


def test_after_a_kill_an_endpoint_comes_back_in_a_new_container(own_image: str, tmp_path: Path, unique: str) -> None:
    options = ["--runner", "docker"]
    killed = start_server(tmp_path, options=options)
    try:
        assert Work(killed).deploy(unique, own_image)["EndpointStatus"] == "InService"
        (before,) = containers_of(killed)
    finally:
        killed.kill()
    server = start_server(tmp_path, options=options)
    try:
        runtime = server.client("sagemaker-runtime")

        def answers() -> bool:
            try:
                return bool(runtime.invoke_endpoint(EndpointName=unique, Body=b"back")["Body"].read() == b"BACK")
            except runtime.exceptions.ClientError:
                return False

        eventually(answers, 30, "the endpoint's return")
        (after,) = containers_of(server)
        assert after != before
    finally:
        server.stop()
