"""What was acknowledged survives kill -9, at any moment; what was deleted stays deleted."""

import hashlib
import os
import random
import socket
import threading
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError

MIB = 1024 * 1024
ROUNDS = 20


def blob_files(server) -> set[str]:
    return {path.name for path in (server.state_dir / "objects").rglob("*") if path.is_file()}


class Writer(threading.Thread):
    """Writes and deletes objects until the server dies; remembers what was acknowledged and what was under way."""

    def __init__(self, server, name: str, seed: int) -> None:
        super().__init__(daemon=True)
        self.client = server.client("s3", connect_timeout=2, read_timeout=5)
        self.random = random.Random(seed)
        self.prefix = f"{name}/"
        self.known: dict[str, bytes | None] = {}
        self.doubtful: dict[str, tuple[bytes | None, bytes | None]] = {}

    def run(self) -> None:
        """Until the connection fails."""
        while True:
            key = f"{self.prefix}{self.random.randrange(12)}"
            size = self.random.choice([0, 10, 1000, 300_000, 2 * MIB])
            body = None if self.random.random() < 0.25 else self.random.randbytes(size)
            self.doubtful = {key: (self.known.get(key), body)}
            try:
                if body is None:
                    self.client.delete_object(Bucket="bucket", Key=key)
                else:
                    self.client.put_object(Bucket="bucket", Key=key, Body=body)
            except (BotoCoreError, ClientError, OSError):
                return
            self.known[key] = body
            self.doubtful = {}

    def check(self, client) -> int:
        """Compare with what a restarted server has; an unacknowledged write is there whole or not at all."""
        checked = 0
        for key, body in {**self.known, **dict.fromkeys(self.doubtful)}.items():
            try:
                found = client.get_object(Bucket="bucket", Key=key)
                bytes_found = found["Body"].read()
                if "-" not in found["ETag"]:
                    assert found["ETag"] == f'"{hashlib.md5(bytes_found).hexdigest()}"'
            except ClientError as error:
                assert error.response["Error"]["Code"] == "NoSuchKey"
                bytes_found = None
            assert bytes_found in self.doubtful.get(key, (body,)), f"{key} is not what was acknowledged"
            self.known[key] = bytes_found
            checked += 1
        self.doubtful = {}
        return checked


@pytest.mark.timeout(90)
def test_every_acknowledged_object_survives_kill_9_at_random_points(own_aws):
    chance = random.Random(20260)
    own_aws.client("s3").create_bucket(Bucket="bucket")
    kept: dict[str, dict[str, bytes | None]] = {"a": {}, "b": {}}
    checked = 0
    for number in range(ROUNDS):
        writers = [Writer(own_aws, name, chance.randrange(1 << 30)) for name in kept]
        for writer, name in zip(writers, kept, strict=True):
            writer.known = kept[name]
            writer.start()
        time.sleep(chance.uniform(0.05, 0.35))  # the moment of the crash is the subject of the test
        own_aws.kill()
        for writer in writers:
            writer.join(20)
            assert not writer.is_alive()
        own_aws.start()
        client = own_aws.client("s3")
        checked += sum(writer.check(client) for writer in writers)
        listed = {entry["Key"] for entry in client.list_objects_v2(Bucket="bucket").get("Contents", ())}
        assert listed == {key for known in kept.values() for key, body in known.items() if body is not None}, number
    assert checked > 100
    own_aws.stop()
    own_aws.start()
    expected = len([body for known in kept.values() for body in known.values() if body is not None])
    deadline = time.monotonic() + 20
    while len(blob_files(own_aws)) != expected:
        assert time.monotonic() < deadline, f"{len(blob_files(own_aws))} blobs are left for {expected} objects"
        time.sleep(0.05)


def test_a_body_that_is_cut_off_leaves_nothing_and_its_blob_is_collected(own_aws):
    client = own_aws.client("s3")
    client.create_bucket(Bucket="bucket")
    client.put_object(Bucket="bucket", Key="k", Body=b"before")
    with socket.create_connection(("127.0.0.1", own_aws.port)) as half:
        half.sendall(b"PUT /bucket/k HTTP/1.1\r\nhost: x\r\ncontent-length: 9000000\r\n\r\n" + bytes(3 * MIB))
        deadline = time.monotonic() + 10
        while len(blob_files(own_aws)) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        own_aws.kill()
    own_aws.start()
    assert own_aws.client("s3").get_object(Bucket="bucket", Key="k")["Body"].read() == b"before"
    deadline = time.monotonic() + 10
    while len(blob_files(own_aws)) != 1:
        assert time.monotonic() < deadline, "the orphan was not collected"
        time.sleep(0.02)


def test_everything_s3_knows_is_there_after_a_crash(own_aws):
    client = own_aws.client("s3")
    client.create_bucket(Bucket="bucket")
    client.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    client.put_bucket_tagging(Bucket="bucket", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    first = client.put_object(Bucket="bucket", Key="k", Body=b"1", Metadata={"m": "1"}, Tagging="t=1")["VersionId"]
    client.put_object(Bucket="bucket", Key="k", Body=b"2")
    client.copy_object(Bucket="bucket", Key="copy", CopySource="bucket/k")
    client.put_object(Bucket="bucket", Key="gone", Body=b"3")
    client.delete_object(Bucket="bucket", Key="gone")
    part = os.urandom(5 * MIB)
    upload = client.create_multipart_upload(Bucket="bucket", Key="big", ContentType="x/y")["UploadId"]
    etags = [client.upload_part(Bucket="bucket", Key="big", UploadId=upload, PartNumber=1, Body=part)["ETag"]]
    own_aws.restart()
    etags.append(client.upload_part(Bucket="bucket", Key="big", UploadId=upload, PartNumber=2, Body=b"end")["ETag"])
    parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]
    client.complete_multipart_upload(Bucket="bucket", Key="big", UploadId=upload, MultipartUpload={"Parts": parts})
    own_aws.restart()
    big = client.get_object(Bucket="bucket", Key="big")
    assert (big["Body"].read() == part + b"end", big["ContentType"]) == (True, "x/y")
    old = client.get_object(Bucket="bucket", Key="k", VersionId=first)
    assert (old["Body"].read(), old["Metadata"], old["TagCount"]) == (b"1", {"m": "1"}, 1)
    assert client.get_object(Bucket="bucket", Key="copy")["Body"].read() == b"2"
    assert client.get_bucket_tagging(Bucket="bucket")["TagSet"] == [{"Key": "a", "Value": "b"}]
    assert client.get_bucket_versioning(Bucket="bucket")["Status"] == "Enabled"
    assert [entry["Key"] for entry in client.list_object_versions(Bucket="bucket")["DeleteMarkers"]] == ["gone"]


def test_records_of_moto_services_come_back_with_the_same_ids(own_aws):
    iam, sns, sqs = own_aws.client("iam"), own_aws.client("sns"), own_aws.client("sqs")
    trust = '{"Version":"2012-10-17","Statement":[]}'
    role = iam.create_role(RoleName="mine", AssumeRolePolicyDocument=trust)["Role"]
    iam.attach_role_policy(RoleName="mine", PolicyArn="arn:aws:iam::aws:policy/AmazonSageMakerFullAccess")
    queue = sqs.create_queue(QueueName="queue")["QueueUrl"]
    topic = sns.create_topic(Name="topic")["TopicArn"]
    subscription = sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:queue", ReturnSubscriptionArn=True
    )["SubscriptionArn"]
    for word in ("one", "two"):
        sqs.send_message(QueueUrl=queue, MessageBody=word)
    received = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=1, VisibilityTimeout=600)["Messages"][0]
    secret = own_aws.client("secretsmanager").create_secret(Name="secret", SecretString="hush")["ARN"]
    repository = own_aws.client("ecr").create_repository(repositoryName="images")["repository"]
    rule = own_aws.client("events").put_rule(Name="rule", EventPattern='{"source":["aws.sagemaker"]}')["RuleArn"]
    own_aws.restart()
    again = iam.get_role(RoleName="mine")["Role"]
    assert (again["RoleId"], again["CreateDate"]) == (role["RoleId"], role["CreateDate"])
    attached = iam.list_attached_role_policies(RoleName="mine")["AttachedPolicies"]
    assert [policy["PolicyName"] for policy in attached] == ["AmazonSageMakerFullAccess"]
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"][0]["SubscriptionArn"] == subscription
    assert own_aws.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"] == "hush"
    found = own_aws.client("ecr").describe_repositories(repositoryNames=["images"])["repositories"][0]
    assert found["createdAt"] == repository["createdAt"]
    assert own_aws.client("events").describe_rule(Name="rule")["Arn"] == rule
    # The receipt of a message that was received before the crash is still good; the other one is still to come.
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=received["ReceiptHandle"])
    rest = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0)["Messages"]
    assert [message["Body"] for message in rest] == ["two"]
    sns.publish(TopicArn=topic, Message="three")
    own_aws.restart()
    rest = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert len(rest) == 2


def test_logs_and_metrics_survive_a_crash(own_aws):
    logs, cloudwatch = own_aws.client("logs"), own_aws.client("cloudwatch")
    logs.create_log_group(logGroupName="/group")
    logs.create_log_stream(logGroupName="/group", logStreamName="stream")
    events = [{"timestamp": 1_700_000_000_000 + number, "message": f"line {number}"} for number in range(100)]
    logs.put_log_events(logGroupName="/group", logStreamName="stream", logEvents=events)
    moment = 1_700_000_000
    cloudwatch.put_metric_data(Namespace="N", MetricData=[{"MetricName": "m", "Value": 7.0, "Timestamp": moment}])
    own_aws.restart()
    found = logs.get_log_events(logGroupName="/group", logStreamName="stream", startFromHead=True)["events"]
    assert [event["message"] for event in found] == [event["message"] for event in events]
    statistics = cloudwatch.get_metric_statistics(
        Namespace="N", MetricName="m", StartTime=moment - 60, EndTime=moment + 60, Period=60, Statistics=["Sum"]
    )
    assert [point["Sum"] for point in statistics["Datapoints"]] == [7.0]


@pytest.mark.timeout(60)
def test_a_large_object_goes_in_and_out_without_growing_the_process(own_aws):
    size = 300 * MIB
    own_aws.client("s3").create_bucket(Bucket="bucket")
    before = own_aws.memory()
    chunk = os.urandom(MIB)
    highest = before
    with socket.create_connection(("127.0.0.1", own_aws.port), 30) as stream:
        stream.sendall(b"PUT /bucket/large HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % size)
        for _ in range(size // MIB):
            stream.sendall(chunk)
            highest = max(highest, own_aws.memory())
        assert b" 200 " in stream.recv(65536).partition(b"\r\n")[0]
        stream.sendall(b"GET /bucket/large HTTP/1.1\r\nhost: x\r\n\r\n")
        data = stream.recv(65536)
        received = len(data.partition(b"\r\n\r\n")[2])
        while received < size:
            received += len(stream.recv(MIB))
            highest = max(highest, own_aws.memory())
    assert received == size
    assert highest - before < 100 * MIB
