"""`sageyard env` and `sageyard run`: what they print and set, evaluated by real shells."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sageyard.environment import PLUGIN_DIR, client_environment

DUMP = "import json, os; print(json.dumps(dict(os.environ)))"


def clean(**variables: str) -> dict[str, str]:
    """This process's environment without anything of AWS or an SDK, and `variables`."""
    unwanted = ("AWS_", "SAGEMAKER_", "BOTOCORE_")
    return {name: value for name, value in os.environ.items() if not name.startswith(unwanted)} | variables


def sageyard(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    command = [sys.executable, "-m", "sageyard", *arguments]
    return subprocess.run(command, env=clean(**variables), capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_a_shell_evaluates_the_output_whatever_the_path_contains(shell: str, tmp_path: Path) -> None:
    state_dir = tmp_path / 'it\'s a "$HOME" `dir`'
    script = f'eval "$("{sys.executable}" -m sageyard env --state-dir "$STATE")" && "{sys.executable}" -c "{DUMP}"'
    finished = subprocess.run(
        [shell, "-c", script], env=clean(STATE=str(state_dir)), capture_output=True, text=True, timeout=60, check=False
    )
    assert finished.returncode == 0, finished.stderr
    seen = json.loads(finished.stdout)
    expected = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4747",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "sageyard",
        "AWS_SECRET_ACCESS_KEY": "sageyard",
        "SAGEMAKER_SUPPRESS_V2_WARNING": "1",
        "BOTOCORE_EXPERIMENTAL__PLUGINS": "sageyard=sageyard_client",
    }
    assert {name: seen[name] for name in expected} == expected
    assert seen["PYTHONPATH"].split(os.pathsep)[0] == str(PLUGIN_DIR)
    config = Path(seen["SAGEMAKER_USER_CONFIG_OVERRIDE"])
    assert config.parent == state_dir
    assert "DefaultS3Bucket: sagemaker-us-east-1-123456789012" in config.read_text()
    assert "TelemetryOptOut: true" in config.read_text()


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        ("fish", r"set -gx SAGEMAKER_USER_CONFIG_OVERRIDE '{dir}it\'s/sdk-config-us-east-1.yaml'"),
        ("powershell", "$env:SAGEMAKER_USER_CONFIG_OVERRIDE = '{dir}it''s/sdk-config-us-east-1.yaml'"),
    ],
)
def test_other_shells_get_their_own_quoting(shell: str, line: str, tmp_path: Path) -> None:
    finished = sageyard("env", "--shell", shell, "--state-dir", str(tmp_path / "it's"))
    assert line.replace("{dir}", f"{tmp_path}/") in finished.stdout.splitlines()


def test_without_a_server_the_variables_are_printed_and_stderr_says_so(tmp_path: Path) -> None:
    finished = sageyard("env", "--state-dir", str(tmp_path), "--port", "1")
    assert finished.returncode == 0
    assert "export AWS_ENDPOINT_URL='http://127.0.0.1:1'" in finished.stdout
    assert "sageyard up --detach" in finished.stderr


def test_env_loads_neither_boto3_nor_the_server(tmp_path: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "sageyard", "env", "--state-dir", str(tmp_path)]
    finished = subprocess.run(command, env=clean(), capture_output=True, text=True, timeout=60, check=True)
    loaded = {
        line.rpartition("|")[2].strip() for line in finished.stderr.splitlines() if line.startswith("import time:")
    }
    assert "click" in loaded
    assert not loaded & {"boto3", "botocore", "rich", "moto", "uvicorn", "starlette", "sageyard.app", "urllib.request"}


def test_the_users_own_keys_are_kept(tmp_path: Path) -> None:
    base = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret"}
    variables = client_environment("http://127.0.0.1:4747", "us-east-1", tmp_path, base=base)
    assert not set(base) & set(variables)


@pytest.mark.parametrize(
    "base", [{"AWS_PROFILE": "work"}, {"AWS_ACCESS_KEY_ID": "AKIA"}], ids=["profile", "half a pair"]
)
def test_a_profile_or_half_a_key_pair_gives_way_to_dummies(base: dict[str, str], tmp_path: Path) -> None:
    variables = client_environment("http://127.0.0.1:4747", "us-east-1", tmp_path, base=base)
    assert (variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"]) == ("sageyard", "sageyard")


def test_evaluating_it_twice_changes_nothing(tmp_path: Path) -> None:
    base = {"PYTHONPATH": os.pathsep.join(["a", "b"]), "BOTOCORE_EXPERIMENTAL__PLUGINS": "mine=my_plugin"}
    once = client_environment("http://127.0.0.1:4747", "us-east-1", tmp_path, base=base)
    twice = client_environment("http://127.0.0.1:4747", "us-east-1", tmp_path, base=base | once)
    assert base | once == base | once | twice
    assert once["PYTHONPATH"] == os.pathsep.join([str(PLUGIN_DIR), "a", "b"])
    assert once["BOTOCORE_EXPERIMENTAL__PLUGINS"] == "sageyard=sageyard_client,mine=my_plugin"


def test_whatever_would_lead_a_client_elsewhere_is_overridden(tmp_path: Path) -> None:
    base = {
        "AWS_ENDPOINT_URL_S3": "https://s3.example.org",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "HTTP_PROXY": "http://proxy.example.org:3128",
        "NO_PROXY": "example.org",
    }
    variables = client_environment("http://127.0.0.1:4747", "us-east-1", tmp_path, base=base)
    assert variables["AWS_ENDPOINT_URL_S3"] == "http://127.0.0.1:4747"
    assert variables["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] == "false"
    assert variables["NO_PROXY"] == variables["no_proxy"] == "127.0.0.1,example.org"


def test_run_gives_one_command_the_same_environment_and_its_exit_status(tmp_path: Path) -> None:
    program = f"{DUMP}; raise SystemExit(7)"
    finished = sageyard("run", "--state-dir", str(tmp_path), "--", sys.executable, "-c", program)
    assert finished.returncode == 7
    seen = json.loads(finished.stdout)
    expected = client_environment("http://127.0.0.1:4747", "us-east-1", tmp_path, base=clean())
    assert {name: seen[name] for name in expected} == expected


def test_run_names_a_command_that_does_not_exist(tmp_path: Path) -> None:
    finished = sageyard("run", "--state-dir", str(tmp_path), "--", "no-such-command")
    assert finished.returncode == 1
    assert "there is no command 'no-such-command' on the PATH" in finished.stderr


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_evaluates_the_output(tmp_path: Path) -> None:
    script = f"{sys.executable} -m sageyard env --shell fish --state-dir '{tmp_path}' | source; echo $AWS_ENDPOINT_URL"
    finished = subprocess.run(
        ["fish", "-c", script], env=clean(), capture_output=True, text=True, timeout=60, check=True
    )
    assert finished.stdout.strip() == "http://127.0.0.1:4747"
