"""The commands that deal with a server, as processes, against a real one."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sageyard.app import listen
from sageyard.runners.base import StartError
from sageyard.settings import Settings

from tests.conftest import Server, eventually, free_port


def sageyard(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    command = [sys.executable, "-m", "sageyard", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=90, check=False)


@pytest.fixture
def detached(tmp_path: Path) -> Iterator[list[str]]:
    """The options of a server of the test's own, brought up detached and down again."""
    options = ["--state-dir", str(tmp_path / "state"), "--port", str(free_port())]
    started = sageyard("up", *options, "--detach")
    assert started.returncode == 0, started.stderr
    yield options
    sageyard("down", *options)


def at(server: Server) -> list[str]:
    """The options that name the session's server."""
    return ["--state-dir", str(server.state_dir), "--port", server.url.rpartition(":")[2]]


def test_up_detach_returns_when_the_server_answers_and_down_ends_it(detached: list[str]) -> None:
    status = sageyard("status", *detached)
    assert status.returncode == 0, status.stderr
    url = f"http://127.0.0.1:{detached[3]}"
    assert f"at {url}," in status.stdout
    pid = int(status.stdout.split("pid ")[1].split()[0])
    again = sageyard("up", *detached, "--detach")
    assert (again.returncode, again.stdout) == (0, f"Sageyard already runs at {url} (pid {pid})\n")

    down = sageyard("down", *detached)
    assert down.returncode == 0, down.stderr
    assert f"(pid {pid}) has stopped" in down.stdout
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(detached[3])), timeout=5)
    assert "No Sageyard runs" in sageyard("down", *detached).stdout


def test_a_running_server_is_found_by_its_state_directory_alone(detached: list[str]) -> None:
    printed = sageyard("env", *detached[:2])
    assert f"export AWS_ENDPOINT_URL='http://127.0.0.1:{detached[3]}'" in printed.stdout
    assert printed.stderr == ""
    other_port = sageyard("up", *detached[:2], "--port", str(free_port()))
    assert other_port.returncode == 1
    assert "a state directory has one server" in other_port.stderr


def test_a_killed_server_leaves_nothing_in_the_way_of_the_next(detached: list[str]) -> None:
    pid = int(sageyard("status", *detached).stdout.split("pid ")[1].split()[0])
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: sageyard("status", *detached).returncode == 1, what="the end of the server")
    again = sageyard("up", *detached, "--detach")
    assert again.returncode == 0, again.stderr
    assert sageyard("status", *detached).returncode == 0


def test_down_spares_a_process_that_inherited_the_number(tmp_path: Path) -> None:
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        (tmp_path / "server.json").write_text(f'{{"pid": {bystander.pid}, "url": "http://127.0.0.1:{free_port()}"}}')
        assert "No Sageyard runs" in sageyard("down", "--state-dir", str(tmp_path), "--port", str(free_port())).stdout
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_up_names_the_port_that_is_taken_and_the_way_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        finished = sageyard("up", "--state-dir", str(tmp_path), "--port", str(port))
    assert finished.returncode == 1
    assert f"port {port} is taken by another program: choose another one with --port" in finished.stderr


def test_the_port_that_is_taken_where_containers_reach_the_server_is_named() -> None:
    with socket.create_server(("127.0.0.2", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=rf"port {port} of 127\.0\.0\.1 and, for containers, of 127\.0\.0\.2"):
            listen(Settings(port=port), ["127.0.0.2"])


@pytest.mark.parametrize("command", [["status"], ["logs", "churn"], ["reset", "--yes"], ["clock", "advance", "60"]])
def test_commands_that_need_a_server_say_how_to_start_one(command: list[str], tmp_path: Path) -> None:
    finished = sageyard(*command, "--state-dir", str(tmp_path), "--port", str(free_port()))
    assert finished.returncode == 1
    assert "Start one with `sageyard up --detach`" in finished.stderr


def test_logs_name_what_they_do_not_find(server: Server) -> None:
    finished = sageyard("logs", "no-such-job", *at(server))
    assert finished.returncode == 1
    assert "no endpoint named 'no-such-job' in us-east-1" in finished.stderr


def test_logs_of_an_endpoint_that_is_gone_are_still_printed_in_order(server: Server, unique: str) -> None:
    logs: Any = server.client("logs")
    group = f"/aws/sagemaker/Endpoints/{unique}"
    logs.create_log_group(logGroupName=group)
    now = int(time.time() * 1000)
    for stream, offset in (("AllTraffic/i-1", 0), ("AllTraffic/i-2", 1)):
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        events = [{"timestamp": now + 2 * n + offset, "message": f"line {2 * n + offset}"} for n in range(3)]
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
    finished = sageyard("logs", unique, *at(server))
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines() == [f"i-{n % 2 + 1}: line {n}" for n in range(6)]


def test_reset_asks_first_and_then_empties_the_account(detached: list[str], tmp_path: Path) -> None:
    server = Server(f"http://127.0.0.1:{detached[3]}", tmp_path / "state", None)  # type: ignore[arg-type]
    s3: Any = server.client("s3")
    s3.create_bucket(Bucket="to-be-forgotten")

    def names() -> set[str]:
        return {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}

    assert sageyard("reset", *detached, stdin="n\n").returncode == 1
    assert "to-be-forgotten" in names()
    assert sageyard("reset", *detached, stdin="y\n").returncode == 0
    assert "to-be-forgotten" not in names()


def test_the_clock_moves_by_seconds_and_to_a_time_and_never_back(detached: list[str]) -> None:
    ahead = sageyard("clock", "advance", "7200", *detached)
    assert ahead.returncode == 0, ahead.stderr
    to = sageyard("clock", "advance", "--to", "2100-01-01T00:00:00Z", *detached)
    assert to.stdout.startswith("The server's time is 2100-01-01T00:00:0"), to.stderr
    back = sageyard("clock", "advance", "--to", "2020-01-01T00:00:00Z", *detached)
    assert (back.returncode, back.stderr.count("only moves forward")) == (1, 1)
    assert sageyard("clock", "advance", *detached).returncode == 2


def test_doctor_says_what_is_in_the_way_and_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        (tmp_path / "file").write_text("")
        finished = sageyard("doctor", "--state-dir", str(tmp_path / "file" / "state"), "--port", port)
    assert finished.returncode == 0, finished.stderr
    lines = finished.stdout.splitlines()
    assert f"warn port {port} is taken by another program: choose another one with --port" in lines
    assert any(line.startswith("warn state directory") and "--state-dir" in line for line in lines)
    assert any(line.startswith("ok   boto3") and line.endswith("loads the client plugin") for line in lines)


def test_doctor_is_content_with_a_server_that_runs(detached: list[str]) -> None:
    lines = sageyard("doctor", *detached).stdout.splitlines()
    assert any(line.startswith(f"ok   Sageyard runs at http://127.0.0.1:{detached[3]}") for line in lines)


def test_quotas_given_to_up_are_the_servers(tmp_path: Path) -> None:
    options = ["--state-dir", str(tmp_path), "--port", str(free_port())]
    assert "'Experiment' is no quota" in sageyard("up", *options, "--quota", "Experiment").stderr
    started = sageyard("up", *options, "--quota", "Experiment=0", "--detach")
    assert started.returncode == 0, started.stderr
    try:
        refused = sageyard("run", *options, "--", "aws", "sagemaker", "create-experiment", "--experiment-name", "one")
        assert "ResourceLimitExceeded" in refused.stderr
        assert "'Number of experiments' is 0 Experiments" in refused.stderr
    finally:
        sageyard("down", *options)
