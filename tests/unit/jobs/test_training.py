"""Training jobs from their request to their artifacts, with real processes."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from sageyard.errors import ResourceInUseError, ValidationError
from sageyard.jobs import mirror
from sageyard.resources.spec import Context

from tests.unit.jobs.world import NO_API, REGION, MemoryResource, World, channel, until

SUCCESS = """
import json, os, sys
print("[0]\\ttrain-rmse:0.5\\tvalidation-rmse:0.7")
print("[1]\\ttrain-rmse:0.25\\tvalidation-rmse:0.6", file=sys.stderr)
print("loss = 1e-3;")
os.makedirs("/opt/ml/model/sub")
open("/opt/ml/model/sub/weights", "w").write("w" * 1000)
os.link("/opt/ml/model/sub/weights", "/opt/ml/model/again")
open("/opt/ml/output/data/report.txt", "w").write(os.environ["MINE"])
config = {name: json.load(open(f"/opt/ml/input/config/{name}.json")) for name in
          ("hyperparameters", "inputdataconfig", "resourceconfig")}
config["hyperparameters"].pop("script")
print(json.dumps(config))
print(json.dumps({name: os.environ.get(name) for name in
                  ("TRAINING_JOB_NAME", "TRAINING_JOB_ARN", "AWS_ENDPOINT_URL", "AWS_REGION")}))
print(json.dumps(sys.argv[1:]))
print(open("/opt/ml/input/data/train/part.csv").read())
"""


def test_a_job_trains_and_leaves_what_describe_needs(world: World) -> None:
    world.objects.put("bucket", "data/part.csv", b"1,2,3")
    request = world.training_request(
        SUCCESS,
        Environment={"MINE": "set"},
        InputDataConfig=[channel("train", "s3://bucket/data", ContentType="text/csv")],
    )
    definitions = [{"Name": "loss", "Regex": "loss = ([^;]+);"}, {"Name": "val", "Regex": "validation-rmse:([0-9.]+)"}]
    request["AlgorithmSpecification"]["MetricDefinitions"] = definitions
    request["HyperParameters"]["max_depth"] = "3"
    job = world.run("TrainingJob", request)

    row = job.row
    assert row.get("FailureReason") is None
    assert (job.status, row["SecondaryStatus"]) == ("Completed", "Completed")
    assert row["ModelArtifacts"] == {"S3ModelArtifacts": "s3://bucket/out/job/output/model.tar.gz"}
    assert world.archive("out/job/output/model.tar.gz") == {"sub/weights": b"w" * 1000, "again": b"w" * 1000}
    assert world.archive("out/job/output/output.tar.gz") == {"report.txt": b"set"}
    assert row["OutputDataConfig"]["KmsKeyId"] == ""
    assert row["TrainingStartTime"] <= row["TrainingEndTime"]
    assert row["BillableTimeInSeconds"] >= 1

    transitions = row["SecondaryStatusTransitions"]
    assert [each["Status"] for each in transitions] == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert all(each["StatusMessage"] and each["EndTime"] >= each["StartTime"] for each in transitions)

    final = {each["MetricName"]: each["Value"] for each in row["FinalMetricDataList"]}
    assert final == {"loss": 0.001, "val": 0.6}
    published = world.metrics.data["/aws/sagemaker/TrainingJobs"]
    assert [each["Value"] for each in published if each["MetricName"] == "val"] == [0.7, 0.6]
    assert published[0]["Dimensions"] == [{"Name": "TrainingJobName", "Value": "job"}]

    *_, config, variables, arguments, data = world.lines()["algo-1"]
    config = json.loads(config)
    assert config["hyperparameters"] == {"max_depth": "3"}
    assert config["inputdataconfig"] == {
        "train": {
            "ContentType": "text/csv",
            "TrainingInputMode": "File",
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "None",
        }
    }
    resources = config["resourceconfig"]
    assert (resources["current_host"], resources["hosts"]) == ("algo-1", ["algo-1"])
    assert resources["current_instance_type"] == "ml.m5.large"
    assert resources["network_interface_name"]
    assert json.loads(variables) == {
        "TRAINING_JOB_NAME": "job",
        "TRAINING_JOB_ARN": job.arn,
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_REGION": REGION,
    }
    assert json.loads(arguments) == ["train"]
    assert data == "1,2,3"
    assert not list(world.settings.work_dir.rglob("algo-*")), "the work folder is left behind"


def test_a_built_in_algorithm_has_its_own_metrics(world: World) -> None:
    image = world.folder / "containers" / "exam" / "image.toml"
    image.write_text(image.read_text().replace('["exam"]', '["exam", "sagemaker-xgboost"]'))
    request = world.training_request("print('[3]\\ttrain-auc:0.9\\tvalidation-auc:0.8')")
    request["AlgorithmSpecification"]["TrainingImage"] = "6.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
    job = world.run("TrainingJob", request)
    final = {each["MetricName"]: each["Value"] for each in job.row["FinalMetricDataList"]}
    assert final == {"train:auc": 0.9, "validation:auc": 0.8}


def test_a_failure_file_becomes_the_reason(world: World) -> None:
    job = world.train("open('/opt/ml/output/failure', 'w').write('no rows' + 'x' * 2000); raise SystemExit(2)")
    assert (job.status, job.row["SecondaryStatus"]) == ("Failed", "Failed")
    reason = job.row["FailureReason"]
    assert reason.startswith("AlgorithmError: no rowsxxx")
    assert reason.endswith(", exit code: 2")
    assert len(reason) == 1024
    assert "ModelArtifacts" not in job.row


def test_without_a_failure_file_the_last_lines_are_the_reason(world: World) -> None:
    job = world.train("print('reading'); raise ValueError('column 3 is empty')")
    assert job.row["FailureReason"].startswith("AlgorithmError: ")
    assert "ValueError: column 3 is empty" in job.row["FailureReason"]
    assert job.row["FailureReason"].endswith("exit code: 1")
    assert "ValueError: column 3 is empty" in world.lines()["algo-1"]


def test_an_unknown_image_fails_the_job_and_names_it(world: World) -> None:
    request = world.training_request("")
    request["AlgorithmSpecification"]["TrainingImage"] = "1.dkr.ecr.us-east-1.amazonaws.com/mystery:latest"
    job = world.run("TrainingJob", request)
    assert job.status == "Failed"
    assert job.row["FailureReason"].startswith("ClientError: ")
    assert "mystery" in job.row["FailureReason"]
    assert "image.toml" in job.row["FailureReason"]


def test_an_unknown_output_bucket_fails_the_job_before_it_trains(world: World) -> None:
    job = world.train("print('trained')", OutputDataConfig={"S3OutputPath": "s3://nowhere/out"})
    assert job.status == "Failed"
    assert "s3://nowhere/out/job/output" in job.row["FailureReason"]
    assert world.logs.streams == {}


def test_stop_lets_the_script_save_and_uploads_what_it_saved(world: World) -> None:
    script = (
        "import signal, sys, time\n"
        "def save(*_): open('/opt/ml/model/half', 'w').write('half'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, save); print('training'); time.sleep(60)"
    )

    async def stop(job: MemoryResource) -> None:
        await until(lambda: world.lines().get("algo-1") == ["training"])
        job.save(status="Stopping")
        await world.training.stop(job)

    job = world.run("TrainingJob", world.training_request(script), stop)
    assert (job.status, job.row["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert job.secondaries == ["Downloading", "Training", "Stopping", "Stopped"]
    assert world.archive("out/job/output/model.tar.gz") == {"half": b"half"}
    assert job.row["ModelArtifacts"]["S3ModelArtifacts"].endswith("model.tar.gz")


def test_max_runtime_stops_the_job_and_keeps_the_model(world: World) -> None:
    script = "import time; open('/opt/ml/model/early', 'w').write('e'); time.sleep(60)"
    start = time.monotonic()
    job = world.train(script, StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert time.monotonic() - start < 10
    assert (job.status, job.row["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert world.archive("out/job/output/model.tar.gz") == {"early": b"e"}


def test_too_much_memory_is_named_with_the_way_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sageyard.jobs.training.memory_limit", lambda instance_type: 60 << 20)
    job = world.train("import time; block = bytearray(b'x') * (200 << 20); time.sleep(60)")
    assert job.status == "Failed"
    assert job.row["FailureReason"].startswith("ClientError: Please use an instance type with more memory")


TWO_HOSTS = """
import json, os, socket
config = json.load(open("/opt/ml/input/config/resourceconfig.json"))
me = config["current_host"]
parts = sorted(os.listdir("/opt/ml/input/data/train"))
if me == "algo-2":
    server = socket.create_server((me, 7777))
    peer, _ = server.accept()
    print(peer.makefile().readline().strip())
else:
    while True:
        try:
            peer = socket.create_connection(("algo-2", 7777), 10)
            break
        except ConnectionRefusedError:
            pass
    peer.sendall(b"gradients of algo-1\\n")
open(f"/opt/ml/model/{me}", "w").write(",".join(parts))
open("/opt/ml/model/both", "w").write(me)
"""


def test_two_hosts_share_the_objects_and_reach_each_other(world: World) -> None:
    for number in range(5):
        world.objects.put("bucket", f"data/{number}", b"x")
    job = world.train(
        TWO_HOSTS,
        InputDataConfig=[channel("train", "s3://bucket/data/", distribution="ShardedByS3Key")],
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1},
    )
    assert job.status == "Completed", job.row.get("FailureReason")
    assert world.lines() == {"algo-1": [], "algo-2": ["gradients of algo-1"]}
    assert world.archive("out/job/output/model.tar.gz") == {"algo-1": b"0,2,4", "algo-2": b"1,3", "both": b"algo-1"}


def test_one_failing_host_fails_the_job_and_stops_the_others(world: World) -> None:
    script = (
        "import json, time\n"
        "if json.load(open('/opt/ml/input/config/resourceconfig.json'))['current_host'] == 'algo-2':\n"
        "    open('/opt/ml/output/failure', 'w').write('algo-2 broke'); raise SystemExit(3)\n"
        "time.sleep(60)"
    )
    start = time.monotonic()
    job = world.train(script, ResourceConfig={"InstanceType": "ml.c5.xlarge", "InstanceCount": 2, "VolumeSizeInGB": 1})
    assert job.row["FailureReason"] == "AlgorithmError: algo-2 broke, exit code: 3"
    assert time.monotonic() - start < 10


def test_instance_groups_are_told_to_the_hosts(world: World) -> None:
    groups = [
        {"InstanceGroupName": "a", "InstanceType": "ml.m5.large", "InstanceCount": 1},
        {"InstanceGroupName": "b", "InstanceType": "ml.c5.large", "InstanceCount": 1},
    ]
    world.train(
        "print(open('/opt/ml/input/config/resourceconfig.json').read())",
        ResourceConfig={"InstanceGroups": groups, "VolumeSizeInGB": 1},
    )
    config = json.loads(world.lines()["algo-2"][0])
    assert (config["current_group_name"], config["current_instance_type"]) == ("b", "ml.c5.large")
    assert config["hosts"] == ["algo-1", "algo-2"]


def test_checkpoints_come_from_s3_and_follow_the_folder(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "SCAN_SECONDS", 0.05)
    world.objects.put("bucket", "checkpoints/old", b"epoch 1")
    world.objects.put("bucket", "checkpoints/obsolete", b"epoch 0")
    script = (
        "import os, time\n"
        "folder = '/opt/ml/checkpoints/'\n"
        "print(sorted(os.listdir(folder)))\n"
        "open(folder + 'new', 'w').write('epoch 2'); os.remove(folder + 'obsolete')\n"
        "while not os.path.exists('/opt/ml/model/go'): time.sleep(.01)\n"
        "open(folder + 'new', 'a').write(' and 3'); open(folder + 'last', 'w').write('end')"
    )

    async def watch(job: MemoryResource) -> None:
        await until(lambda: set(world.objects.files) == {"checkpoints/old", "checkpoints/new"})
        (model,) = world.settings.work_dir.rglob("model")
        (model / "go").touch()

    request = world.training_request(script, CheckpointConfig={"S3Uri": "s3://bucket/checkpoints"})
    job = world.run("TrainingJob", request, watch)
    assert job.status == "Completed"
    assert world.lines()["algo-1"] == ["['obsolete', 'old']"]
    kept = {info.key: world.objects.read("bucket", info.key) for info in world.objects.list("bucket", "checkpoints/")}
    assert kept == {
        "checkpoints/old": b"epoch 1",
        "checkpoints/new": b"epoch 2 and 3",
        "checkpoints/last": b"end",
    }


def test_the_model_can_be_uploaded_uncompressed(world: World) -> None:
    script = "import os; os.mkdir('/opt/ml/model/a'); open('/opt/ml/model/a/b', 'w').write('c')"
    job = world.train(script, OutputDataConfig={"S3OutputPath": "s3://bucket/out/", "CompressionType": "NONE"})
    assert job.row["ModelArtifacts"] == {"S3ModelArtifacts": "s3://bucket/out/job/output/model/"}
    assert world.objects.read("bucket", "out/job/output/model/a/b") == b"c"


def test_equal_models_make_equal_archives(world: World) -> None:
    script = "open('/opt/ml/model/a', 'w').write('same')"
    for name in ("one", "two"):
        world.run("TrainingJob", world.training_request(script, name))
    archives = [world.objects.read("bucket", f"out/{name}/output/model.tar.gz") for name in ("one", "two")]
    assert archives[0] == archives[1]


def test_jobs_beyond_the_limit_wait_as_pending(tmp_path: Path, world: World) -> None:
    (tmp_path / "small").mkdir()
    small = World(tmp_path / "small", parallel_jobs=1)
    script = "import os, time\nwhile not os.path.exists('/opt/ml/model/go'): time.sleep(.01)"

    async def main() -> list[MemoryResource]:
        jobs = [
            await small.create("TrainingJob", small.training_request(body, name))
            for name, body in (("first", script), ("second", ""), ("stopped", ""))
        ]
        work = [asyncio.create_task(small.training.run(job)) for job in jobs]
        await until(lambda: [job.row["SecondaryStatus"] for job in jobs] == ["Training", "Pending", "Pending"])
        jobs[2].save(status="Stopping")
        await small.training.stop(jobs[2])
        await work[2]
        assert jobs[1].row["SecondaryStatus"] == "Pending"
        (model,) = small.settings.work_dir.rglob("model")
        (model / "go").touch()
        await asyncio.gather(*work)
        return jobs

    assert [job.status for job in asyncio.run(main())] == ["Completed", "Completed", "Stopped"]


def test_a_shutdown_ends_the_job_truthfully_and_its_processes(world: World) -> None:
    async def main() -> MemoryResource:
        job = await world.create("TrainingJob", world.training_request("import time; print('on'); time.sleep(60)"))
        work = asyncio.create_task(world.training.run(job))
        await until(lambda: world.lines().get("algo-1") == ["on"])
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        return job

    start = time.monotonic()
    job = asyncio.run(main())
    assert time.monotonic() - start < 10
    assert (job.status, job.row["SecondaryStatus"]) == ("Failed", "Failed")
    assert "shut down" in job.row["FailureReason"]
    assert not list(world.settings.work_dir.rglob("algo-*"))


@pytest.mark.parametrize(
    ("status", "started", "end"),
    [("InProgress", True, "Failed"), ("InProgress", False, "Completed"), ("Stopping", False, "Stopped")],
)
def test_after_a_restart_only_jobs_that_had_not_started_are_run(
    world: World, status: str, started: bool, end: str
) -> None:
    leftover = world.settings.work_dir / "TrainingJob" / REGION / "job" / "algo-1" / "model"
    leftover.mkdir(parents=True)
    (leftover / "old").touch()

    async def main() -> MemoryResource:
        job = await world.create("TrainingJob", world.training_request("open('/opt/ml/model/new', 'w')"))
        job.save(status=status, private={"started": started})
        await world.training.run(job, recovered=True)
        return job

    job = asyncio.run(main())
    assert job.status == end
    assert ("server was restarted" in job.row.get("FailureReason", "")) == (end == "Failed")
    if end == "Completed":
        assert world.archive("out/job/output/model.tar.gz") == {"new": b""}
    assert not leftover.exists()


def _refuse(world: World, request: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as refusal:
        asyncio.run(world.create("TrainingJob", request))
    return refusal.value.message


def test_no_object_under_the_input_is_refused_in_awss_words(world: World) -> None:
    for uri in ("s3://bucket/absent/", "s3://no-such-bucket/x"):
        message = _refuse(world, world.training_request("", InputDataConfig=[channel("train", uri)]))
        assert message.startswith(f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure')


@pytest.mark.parametrize(
    ("entry", "way_out"),
    [
        (channel("c", "s3://bucket/x", InputMode="Pipe"), "FastFile"),
        (channel("c", "s3://bucket/x", "AugmentedManifestFile"), "ManifestFile"),
        (channel("c", "s3://bucket/x", RecordWrapperType="RecordIO"), "RecordWrapperType"),
        (channel("c", "/local/path"), "s3://bucket/key"),
        ({"ChannelName": "c", "DataSource": {"FileSystemDataSource": {"FileSystemId": "fs-1"}}}, "S3DataSource"),
    ],
)
def test_what_cannot_be_staged_is_refused_with_the_way_out(world: World, entry: dict[str, Any], way_out: str) -> None:
    message = _refuse(world, world.training_request("", InputDataConfig=[entry]))
    assert "'c'" in message
    assert way_out in message


def test_a_broken_metric_regex_is_refused(world: World) -> None:
    request = world.training_request("")
    request["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "m", "Regex": "(unclosed"}]
    assert "(unclosed" in _refuse(world, request)


def test_an_algorithm_without_an_image_is_refused(world: World) -> None:
    request = world.training_request("", AlgorithmSpecification={"AlgorithmName": "mine", "TrainingInputMode": "File"})
    assert "TrainingImage" in _refuse(world, request)


def test_a_running_job_cannot_be_deleted(world: World) -> None:
    async def main() -> None:
        job = await world.create("TrainingJob", world.training_request(""))
        context = Context(REGION, "123456789012", 0.0, NO_API)
        with pytest.raises(ResourceInUseError, match="InProgress"):
            await world.training.prepare_delete(job, context)
        job.save(status="Completed")
        await world.training.prepare_delete(job, context)

    asyncio.run(main())


def test_a_job_costs_little_beside_its_script(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    import subprocess
    import sys

    world.objects.put("bucket", "data/x", b"1")
    script = "open('/opt/ml/model/m', 'w').write('m')"
    seconds, bare = [], []
    for number in range(5):
        request = world.training_request(script, f"job-{number}", InputDataConfig=[channel("t", "s3://bucket/data/")])
        start = time.perf_counter()
        job = world.run("TrainingJob", request)
        seconds.append(time.perf_counter() - start)
        assert job.status == "Completed"
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import json"], check=True)
        bare.append(time.perf_counter() - start)
    overhead = sorted(seconds)[2] - sorted(bare)[2]
    with capsys.disabled():
        print(f"\njob minus bare script: {overhead * 1000:.0f} ms (bare {sorted(bare)[2] * 1000:.0f} ms, medians of 5)")
    assert overhead < 1.0
