"""Processing jobs from their request to their outputs, with real processes."""

import asyncio
import json
import time
from typing import Any

import pytest
from sageyard.errors import ValidationError
from sageyard.jobs import mirror

from tests.unit.jobs.world import ROLE, MemoryResource, World, processing_input, until


def outputs(**modes: str) -> dict[str, Any]:
    """ProcessingOutputConfig with one output per name."""
    return {
        "Outputs": [
            {
                "OutputName": name,
                "S3Output": {
                    "S3Uri": f"s3://bucket/result/{name}",
                    "LocalPath": f"/opt/ml/processing/{name}",
                    "S3UploadMode": mode,
                },
            }
            for name, mode in modes.items()
        ]
    }


def test_a_script_goes_from_s3_to_s3(world: World) -> None:
    world.objects.put("bucket", "raw/a.csv", b"1")
    world.objects.put("bucket", "raw/deep/b.csv", b"2")
    script = (
        "import json, os, sys\n"
        "print(json.dumps([open('/opt/ml/config/processingjobconfig.json').read(), "
        "open('/opt/ml/config/resourceconfig.json').read(), sys.argv[1:], os.environ['MINE']]))\n"
        "found = sorted(os.path.join(p, f) for p, _, fs in os.walk('/opt/ml/processing/raw') for f in fs)\n"
        "os.makedirs('/opt/ml/processing/out/sub')\n"
        "open('/opt/ml/processing/out/sub/names', 'w').write(' '.join(found))\n"
        "os.symlink('/etc/hostname', '/opt/ml/processing/out/link')\n"
        "os.symlink('/etc', '/opt/ml/processing/out/folder')\n"
        "open('/opt/ml/output/message', 'w').write('Completed: all good')"
    )
    request = world.processing_request(
        script,
        ProcessingInputs=[processing_input("raw", "s3://bucket/raw/", "/opt/ml/processing/raw")],
        ProcessingOutputConfig=outputs(out="EndOfJob"),
        Environment={"MINE": "set"},
    )
    request["AppSpecification"]["ContainerArguments"] = ["--rate", "0.1"]
    job = world.run("ProcessingJob", request)

    assert (job.status, job.row.get("FailureReason")) == ("Completed", None)
    assert job.row["ExitMessage"] == "Completed: all good"
    assert job.row["ProcessingStartTime"] <= job.row["ProcessingEndTime"]
    assert job.row["ProcessingResources"]["ClusterConfig"]["InstanceCount"] == 1
    results = {info.key: world.objects.read("bucket", info.key) for info in world.objects.list("bucket", "result/")}
    assert results == {"result/out/sub/names": b"/opt/ml/processing/raw/a.csv /opt/ml/processing/raw/deep/b.csv"}

    config, resources, arguments, mine = json.loads(world.lines("ProcessingJob")["algo-1"][0])
    config = json.loads(config)
    assert config["ProcessingJobArn"] == job.arn
    assert config["AppSpecification"]["ContainerArguments"] == ["--rate", "0.1"]
    assert config["Environment"] == {"MINE": "set"}
    assert config["RoleArn"] == ROLE
    assert config["ProcessingInputs"][1]["S3Input"] == {
        "S3Uri": "s3://bucket/raw/",
        "LocalPath": "/opt/ml/processing/raw",
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
        "S3DataDistributionType": "FullyReplicated",
        "S3CompressionType": "None",
        "S3DownloadMode": "StartOfJob",
    }
    assert config["ProcessingOutputConfig"]["KmsKeyId"] is None
    assert json.loads(resources) == {"current_host": "algo-1", "hosts": ["algo-1"]}
    assert (arguments, mine) == (["--rate", "0.1"], "set")
    assert not list(world.settings.work_dir.rglob("algo-*"))


def test_continuous_outputs_are_uploaded_while_the_job_runs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "SCAN_SECONDS", 0.05)
    script = (
        "import os, time\n"
        "open('/opt/ml/processing/live/first', 'w').write('1')\n"
        "open('/opt/ml/processing/late/only', 'w').write('1')\n"
        "while not os.path.exists('/opt/ml/processing/go'): time.sleep(.01)\n"
        "open('/opt/ml/processing/live/second', 'w').write('2'); raise SystemExit(1)"
    )

    async def watch(job: MemoryResource) -> None:
        await until(lambda: "result/live/first" in world.objects.files)
        (folder,) = world.settings.work_dir.rglob("processing")
        (folder / "go").touch()

    request = world.processing_request(script, ProcessingOutputConfig=outputs(live="Continuous", late="EndOfJob"))
    job = world.run("ProcessingJob", request, watch)
    assert job.status == "Failed"
    keys = [info.key for info in world.objects.list("bucket", "result/")]
    assert keys == ["result/live/first", "result/live/second"], "outputs at the end of the job need its success"


def test_a_failed_job_says_how_it_exited_and_keeps_its_message(world: World) -> None:
    script = "open('/opt/ml/output/message', 'w').write('m' * 2000); raise ValueError('bad column')"
    job = world.process(script)
    assert job.status == "Failed"
    assert "ValueError: bad column" in job.row["FailureReason"]
    assert job.row["FailureReason"].endswith("exit code: 1")
    assert job.row["ExitMessage"] == "m" * 1024


def test_messages_of_all_hosts_are_put_together(world: World) -> None:
    script = (
        "import json\n"
        "host = json.load(open('/opt/ml/config/resourceconfig.json'))['current_host']\n"
        "open('/opt/ml/output/message', 'w').write(host + ';')\n"
        "open(f'/opt/ml/processing/out/{host}', 'w')"
    )
    resources = {"ClusterConfig": {"InstanceType": "ml.t3.medium", "InstanceCount": 2, "VolumeSizeInGB": 1}}
    job = world.process(script, ProcessingResources=resources, ProcessingOutputConfig=outputs(out="EndOfJob"))
    assert job.row["ExitMessage"] == "algo-1;algo-2;"
    assert [info.key for info in world.objects.list("bucket", "result/")] == ["result/out/algo-1", "result/out/algo-2"]


def test_a_message_that_is_no_text_fails_the_job(world: World) -> None:
    job = world.process("open('/opt/ml/output/message', 'wb').write(b'\\xff\\xfe')")
    assert job.status == "Failed"
    assert job.row["FailureReason"].startswith("ClientError: ")
    assert "UTF-8" in job.row["FailureReason"]


def test_a_message_cut_within_a_character_is_still_text(world: World) -> None:
    job = world.process("open('/opt/ml/output/message', 'w').write('a' + 'ä' * 1000)")
    assert (job.status, job.row["ExitMessage"]) == ("Completed", "a" + "ä" * 511)


def test_stop_ends_the_job_as_stopped(world: World) -> None:
    async def stop(job: MemoryResource) -> None:
        await until(lambda: world.lines("ProcessingJob").get("algo-1") == ["on"])
        job.save(status="Stopping")
        await world.processing.stop(job)

    job = world.run("ProcessingJob", world.processing_request("import time; print('on'); time.sleep(60)"), stop)
    assert job.status == "Stopped"


def test_max_runtime_stops_the_job_and_says_why(world: World) -> None:
    start = time.monotonic()
    job = world.process("import time; time.sleep(60)", StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert time.monotonic() - start < 10
    assert job.status == "Stopped"
    assert "MaxRuntimeInSeconds of 1" in job.row["FailureReason"]


def test_without_an_entrypoint_the_image_runs(world: World) -> None:
    (world.folder / "containers" / "exam" / "main.py").write_text("import sys; print(sys.argv[1:])")
    request = world.processing_request("")
    request["AppSpecification"] = {"ImageUri": "exam"}
    world.run("ProcessingJob", request)
    assert world.lines("ProcessingJob") == {"algo-1": ["['train']"]}


def test_an_unknown_image_fails_the_job_and_names_it(world: World) -> None:
    request = world.processing_request("")
    request["AppSpecification"]["ImageUri"] = "1.dkr.ecr.us-east-1.amazonaws.com/sagemaker-spark-processing:3.3"
    job = world.run("ProcessingJob", request)
    assert job.status == "Failed"
    assert "sagemaker-spark-processing" in job.row["FailureReason"]


def test_metric_files_of_monitoring_containers_are_published(world: World) -> None:
    script = (
        "import json, os\n"
        "os.makedirs('/opt/ml/output/metrics/cloudwatch')\n"
        "endpoint = [{'Name': 'Endpoint', 'Value': 'e'}, {'Name': 'MonitoringSchedule', 'Value': 's'}]\n"
        "rows = [{'MetricName': 'feature_data_x', 'Timestamp': '2026-11-21T08:00:00Z', 'Dimensions': endpoint,\n"
        "         'StatisticValues': {'SampleCount': 2, 'Sum': 3, 'Minimum': 1, 'Maximum': 2}, 'Unit': 'None'},\n"
        "        {'MetricName': 'auc', 'Dimensions': endpoint[1:], 'Value': 0.5}, {'MetricName': 'no value'}]\n"
        "with open('/opt/ml/output/metrics/cloudwatch/m.jsonl', 'w') as file:\n"
        "    file.write('\\n'.join(map(json.dumps, rows)) + '\\nnot json\\n')"
    )
    job = world.process(script)
    assert job.status == "Completed"
    assert set(world.metrics.data) == {
        "aws/sagemaker/Endpoints/data-metrics",
        "aws/sagemaker/ModelMonitoring/data-metrics",
    }
    (datum,) = world.metrics.data["aws/sagemaker/Endpoints/data-metrics"]
    assert datum["Timestamp"] == 1795248000.0
    assert datum["StatisticValues"]["Maximum"] == 2


def test_after_a_restart_a_job_that_ran_is_failed(world: World) -> None:
    async def main() -> MemoryResource:
        job = await world.create("ProcessingJob", world.processing_request("print('again')"))
        job.save(private={"started": True})
        await world.processing.run(job, recovered=True)
        return job

    job = asyncio.run(main())
    assert job.status == "Failed"
    assert "restarted" in job.row["FailureReason"]
    assert world.logs.streams == {}


@pytest.mark.parametrize(
    ("members", "word"),
    [
        ({"ProcessingInputs": [processing_input("i", "s3://bucket/job", "/tmp/elsewhere")]}, "/opt/ml/processing/"),
        (
            {"ProcessingInputs": [processing_input("i", "s3://bucket/job", "/opt/ml/processing/../x")]},
            "/opt/ml/processing/",
        ),
        (
            {"ProcessingInputs": [processing_input("i", "s3://bucket/none", "/opt/ml/processing/i")]},
            "No S3 objects found",
        ),
        (
            {
                "ProcessingInputs": [
                    processing_input("i", "s3://bucket/job", "/opt/ml/processing/i", S3InputMode="Pipe")
                ]
            },
            "File",
        ),
        (
            {"ProcessingInputs": [{"InputName": "i", "DatasetDefinition": {"LocalPath": "/opt/ml/processing/i"}}]},
            "S3Input",
        ),
        ({"ProcessingInputs": [processing_input("code", "s3://bucket/job", "/opt/ml/processing/i")]}, "'code'"),
        ({"ProcessingOutputConfig": {"Outputs": [{"OutputName": "o", "FeatureStoreOutput": {}}]}}, "S3Output"),
    ],
)
def test_what_cannot_be_run_is_refused_with_the_way_out(world: World, members: dict[str, Any], word: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        asyncio.run(world.create("ProcessingJob", world.processing_request("", **members)))
    assert word in refusal.value.message
