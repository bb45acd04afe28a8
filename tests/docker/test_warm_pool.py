"""Warm pools: the next job of a pool starts in a container that waits for it."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Server, eventually, start_server
from tests.docker.conftest import Work, containers_of, docker
from tests.docker.test_jobs import TOGETHER

pytestmark = pytest.mark.docker

FACTS = """
import os, socket, time
cache = "/opt/ml/sagemaker/warmpoolcache/jobs"
facts = {
    "time": time.time(),
    "container": open("/proc/self/mountinfo").read().split("/containers/")[1][:64],
    "tmp": os.listdir("/tmp"),
    "ml": sorted(os.listdir("/opt/ml")),
    "left": os.path.exists("/left"),
    "name": os.environ["TRAINING_JOB_NAME"],
    "before": open(cache).read() if os.path.exists(cache) else "",
}
for path in ("/tmp/x", "/left", "/opt/ml/x"): open(path, "w").close()
open(cache, "a").write(facts["name"])
json.dump(facts, open("/opt/ml/model/facts.json", "w"))
"""
LAYOUT = ["checkpoints", "code", "input", "model", "output", "sagemaker"]


def waiting(server: Server) -> list[str]:
    """The containers of a server that wait for a program."""
    chosen = ["--filter", f"label=com.sageyard.state-dir={server.state_dir}", "--format", "{{.Command}} {{.ID}}"]
    lines = docker("ps", "--no-trunc", *chosen).splitlines()
    return [line.split()[-1] for line in lines if "/opt/sageyard/start/gate" in line]


def pool(work: Work, name: str) -> dict[str, Any]:
    """The WarmPoolStatus of a job."""
    found: dict[str, Any] = work.sagemaker.describe_training_job(TrainingJobName=name)["WarmPoolStatus"]
    return found


def end(work: Work, name: str) -> None:
    """End the pool that a job keeps."""
    work.sagemaker.update_training_job(TrainingJobName=name, ResourceConfig={"KeepAlivePeriodInSeconds": 0})
    eventually(lambda: pool(work, name)["Status"] == "Terminated", 10, "the end of the pool")


def test_the_next_job_of_a_pool_finds_a_clean_container_that_waited_for_it(
    work: Work, docker_server: Server, own_image: str, unique: str
) -> None:
    kept = {"KeepAlivePeriodInSeconds": 600, "VolumeSizeInGB": 3}
    names = [f"{unique}-{number}" for number in range(3)]
    found, stood = [], []
    for name in names:
        ended = work.train(name, own_image, FACTS, ResourceConfig=kept)
        assert ended["TrainingJobStatus"] == "Completed", ended
        found.append(json.loads(work.model(ended)["facts.json"]))
        (container,) = eventually(lambda: waiting(docker_server), 60, "the container for the next job")
        stood.append(container)
    assert [facts["container"] for facts in found[1:]] == stood[:2]
    for name, before, facts in zip(names, ["", names[0], "".join(names[:2])], found, strict=True):
        assert (facts["name"], facts["before"]) == (name, before)
        assert (facts["tmp"], facts["ml"], facts["left"]) == ([], LAYOUT, False)
    assert pool(work, names[0])["ReusedByJob"] == names[1]
    listed = work.sagemaker.list_training_jobs(WarmPoolStatusEquals="Available", NameContains=unique)
    assert [job["TrainingJobName"] for job in listed["TrainingJobSummaries"]] == names[2:]
    with pytest.raises(work.sagemaker.exceptions.ClientError, match="retains a warm pool"):
        work.sagemaker.delete_training_job(TrainingJobName=names[2])
    end(work, names[2])
    eventually(lambda: containers_of(docker_server) == [], 60, "the removal of the container")
    work.sagemaker.delete_training_job(TrainingJobName=names[2])


def test_hosts_of_a_pool_reach_each_other_and_exits_and_stops_are_those_of_any_job(
    work: Work, docker_server: Server, own_image: str, unique: str
) -> None:
    kept = {"KeepAlivePeriodInSeconds": 600, "VolumeSizeInGB": 4}
    for number in range(2):
        ended = work.train(f"{unique}-{number}", own_image, TOGETHER, instances=2, ResourceConfig=kept)
        assert ended["TrainingJobStatus"] == "Completed", ended
        assert work.model(ended) == {"total": b"3"}
        eventually(lambda: len(waiting(docker_server)) == 2, 60, "the containers for the next job")
    failed = work.train(f"{unique}-2", own_image, "raise SystemExit(7)", instances=2, ResourceConfig=kept)
    assert failed["FailureReason"].endswith("exit code: 7")
    assert pool(work, f"{unique}-1")["Status"] == "Reused"
    eventually(lambda: len(waiting(docker_server)) == 2, 60, "the containers for the next job")
    end(work, f"{unique}-2")
    eventually(lambda: containers_of(docker_server) == [], 60, "the removal of the containers")


def test_nothing_of_a_pool_outlives_a_killed_server(own_image: str, tmp_path: Path, unique: str) -> None:
    options = ["--runner", "docker"]
    killed = start_server(tmp_path, options=options)
    try:
        work = Work(killed)
        work.train(unique, own_image, ResourceConfig={"KeepAlivePeriodInSeconds": 3600})
        eventually(lambda: waiting(killed), 60, "the container for the next job")
    finally:
        killed.kill()
    eventually(lambda: containers_of(killed) == [], 20, "the removal of the container")
    server = start_server(tmp_path, options=options)
    try:
        assert pool(Work(server), unique)["Status"] == "Terminated"
    finally:
        server.stop()


def test_a_warm_start_costs_little_more_than_an_exec(
    work: Work, docker_server: Server, own_image: str, unique: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the job's creation to its script's first instruction, beside a bare `docker exec` of the same program."""
    script = "import time\nopen('/opt/ml/model/time', 'w').write(repr(time.time()))"
    kept = {"KeepAlivePeriodInSeconds": 600, "VolumeSizeInGB": 5}
    work.train(f"{unique}-0", own_image, script, ResourceConfig=kept)
    bare = docker("run", "-d", "--init", own_image.partition("/")[2], "sleep", "600")
    more = []
    try:
        for number in range(1, 6):
            eventually(lambda: waiting(docker_server), 60, "the container for the next job")
            begun = time.time()
            said = docker("exec", bare, "python3", "-c", "import json, time; print(time.time())")
            exec_seconds = float(said) - begun
            ended = work.train(f"{unique}-{number}", own_image, script, ResourceConfig=kept)
            start = ended["CreationTime"].timestamp()
            more.append(float(work.model(ended)["time"]) - start - exec_seconds)
    finally:
        docker("rm", "-f", bare)
        end(work, f"{unique}-5")
    median = sorted(more)[2]
    with capsys.disabled():
        print(f"\na job of a warm pool starts {median * 1000:.0f} ms after a bare docker exec would (median of 5)")
    assert median < 0.5
