"""Script mode: the training toolkit and the inference defaults, as SageMaker starts them."""

import io
import json
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from socket import create_connection, create_server

import boto3
import numpy as np
import pytest

IMAGE = "sagemaker-scikit-learn"
TRAIN = """
import argparse, json, os, sys
import joblib
import numpy as np
from sklearn.tree import DecisionTreeClassifier
import helper

parser = argparse.ArgumentParser()
parser.add_argument("--max-depth", type=int)
parser.add_argument("--name")
parser.add_argument("-k", type=float)
parser.add_argument("--model-dir", default=os.environ["SM_MODEL_DIR"])
parser.add_argument("--train", default=os.environ["SM_CHANNEL_TRAIN"])
arguments = parser.parse_args()
rows = np.loadtxt(os.path.join(arguments.train, "rows.csv"), delimiter=",")
model = DecisionTreeClassifier(max_depth=arguments.max_depth).fit(rows[:, 1:], rows[:, 0])
print("accuracy:", model.score(rows[:, 1:], rows[:, 0]))
joblib.dump(model, os.path.join(arguments.model_dir, "model.joblib"))
variables = {name: value for name, value in os.environ.items() if name.startswith("SM_")}
seen = {"arguments": sys.argv[1:], "variables": variables, "helper": helper.ANSWER, "folder": os.getcwd()}
with open(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], "seen.json"), "w") as file:
    json.dump(seen, file)
"""
INFERENCE = """
import os
import joblib

def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))
"""
FEATURES = np.random.default_rng(5).random((100, 3))
LABELS = (FEATURES[:, 0] > 0.5).astype(int)


def archive(path: Path, files: dict[str, str]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content.encode()))
    return path


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    """Variables of an S3 in a process of its own: other tests load moto into this one."""
    with create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 30
    while True:
        try:
            create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            assert time.monotonic() < deadline, "moto_server did not start within 30 s"
            time.sleep(0.05)
    yield {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    server.terminate()
    server.wait(10)


@pytest.fixture
def job(training_folder, tmp_path):
    folder = training_folder(tmp_path / "ml", IMAGE)
    folder.put(
        "train", "rows.csv", "".join(f"{y},{','.join(map(str, x))}\n" for x, y in zip(FEATURES, LABELS, strict=True))
    )
    return folder


def configure(job, tmp_path: Path, files: dict[str, str], **hyperparameters: object) -> None:
    source = archive(tmp_path / "sourcedir.tar.gz", files)
    job.configure(
        {"sagemaker_program": '"train.py"', "sagemaker_submit_directory": json.dumps(str(source))} | hyperparameters,
        {"train": "text/csv"},
    )


def trained(job) -> None:
    code = job.train()
    assert code == 0, job.output


def test_a_script_from_s3_is_trained_with_arguments_and_variables(job, s3, tmp_path):
    path = archive(tmp_path / "sourcedir.tar.gz", {"train.py": TRAIN, "helper.py": "ANSWER = 42"})
    client = boto3.client(
        "s3",
        endpoint_url=s3["AWS_ENDPOINT_URL"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
    )
    client.create_bucket(Bucket="code")
    client.upload_file(str(path), "code", "job a/sourcedir.tar.gz")
    job.environment = s3 | {"TRAINING_JOB_NAME": "job-a"}
    job.configure(
        {
            "sagemaker_program": '"train.py"',
            "sagemaker_submit_directory": '"s3://code/job a/sourcedir.tar.gz"',
            "sagemaker_container_log_level": "20",
            "sagemaker_region": '"us-east-1"',
            "max-depth": "3",
            "name": '"a b"',
            "k": "0.5",
        },
        {"train": "text/csv"},
    )
    trained(job)
    assert "accuracy: 1.0" in job.output
    assert (job.base / "output" / "success").exists()
    seen = json.loads((job.base / "output" / "data" / "seen.json").read_text())
    assert seen["arguments"] == ["-k", "0.5", "--max-depth", "3", "--name", "a b"]
    assert seen["helper"] == 42
    assert seen["folder"] == str(job.base / "code")
    expected = {
        "SM_HOSTS": '["algo-1"]',
        "SM_CURRENT_HOST": "algo-1",
        "SM_MODEL_DIR": str(job.base / "model"),
        "SM_CHANNELS": '["train"]',
        "SM_CHANNEL_TRAIN": str(job.base / "input" / "data" / "train"),
        "SM_HP_MAX-DEPTH": "3",
        "SM_HP_NAME": "a b",
        "SM_HPS": '{"k":0.5,"max-depth":3,"name":"a b"}',
        "SM_USER_ARGS": '["-k","0.5","--max-depth","3","--name","a b"]',
        "SM_USER_ENTRY_POINT": "train.py",
        "SM_MODULE_NAME": "train",
        "SM_MODULE_DIR": "s3://code/job a/sourcedir.tar.gz",
        "SM_OUTPUT_DATA_DIR": str(job.base / "output" / "data"),
        "SM_LOG_LEVEL": "20",
    }
    assert {name: seen["variables"].get(name) for name in expected} == expected
    assert json.loads(seen["variables"]["SM_TRAINING_ENV"])["job_name"] == "job-a"


@pytest.mark.parametrize("key", ["absent.tar.gz"])
def test_code_that_is_not_in_s3_fails_the_job_naming_the_uri(job, s3, key):
    job.environment = s3
    uri = f"s3://no-such-bucket/{key}"
    job.configure({"sagemaker_program": "train.py", "sagemaker_submit_directory": uri}, {"train": "text/csv"})
    assert job.train() == 1
    assert f"ClientError: cannot download {uri}: HTTP 404" in job.failure


def test_a_script_that_fails_gives_its_exit_code_and_traceback(job, tmp_path):
    configure(job, tmp_path, {"train.py": "import sys\nprint('begun')\nraise ValueError('no such column: age')\n"})
    assert job.train() == 1
    assert job.failure.startswith(
        'ExecuteUserScriptError:\nExitCode 1\nErrorMessage "Traceback (most recent call last)'
    )
    assert "ValueError: no such column: age" in job.failure[:1024]
    assert "begun" in job.output
    assert "ValueError: no such column: age" in job.output


def test_the_script_s_own_exit_code_and_failure_file_are_kept(job, tmp_path):
    configure(
        job,
        tmp_path,
        {
            "train.py": "import os, pathlib, sys\n"
            "pathlib.Path(os.environ['SM_OUTPUT_DIR'], 'failure').write_text('mine')\n"
            "sys.exit(7)\n"
        },
    )
    assert job.train() == 7
    assert job.failure == "mine"


def test_a_shell_script_gets_its_arguments_unharmed(job, tmp_path):
    configure(
        job,
        tmp_path,
        {"run.sh": '#!/bin/sh\nfor word in "$@"; do echo "<$word>"; done\n'},
        sagemaker_program='"run.sh"',
        note="\"a $HOME 'b'\"",
    )
    trained(job)
    assert "<--note>\n<a $HOME 'b'>" in job.output


def test_sigterm_reaches_the_script(job, tmp_path):
    script = (
        "import os, signal, sys, time\n"
        "def end(*_):\n"
        "    open(os.path.join(os.environ['SM_MODEL_DIR'], 'partial'), 'w').close()\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "print('ready')\n"
        "signal.pause()\n"
    )
    configure(job, tmp_path, {"train.py": script})
    process = job.start()
    assert process.stdout
    for line in process.stdout:
        if line == "ready\n":
            process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert (job.base / "model" / "partial").exists()


@pytest.mark.parametrize("name", ["../outside.py", "/tmp/outside.py", "a/../../outside.py"])
def test_an_archive_that_leads_outside_is_refused(job, tmp_path, name):
    configure(job, tmp_path, {"train.py": "", name: "x = 1"})
    assert job.train() == 1
    assert f"member {name!r} leads out of the archive" in job.failure
    assert not list(tmp_path.rglob("outside.py"))


@pytest.mark.parametrize(
    ("kind", "link"),
    [
        (tarfile.SYMTYPE, "/etc"),
        (tarfile.SYMTYPE, "../.."),
        (tarfile.LNKTYPE, "../secret"),
        (tarfile.CHRTYPE, ""),
    ],
    ids=["symlink", "relative symlink", "hard link", "device"],
)
def test_links_that_lead_outside_and_devices_are_refused(job, tmp_path, kind, link):
    (tmp_path / "secret").write_text("secret")
    source = tmp_path / "sourcedir.tar.gz"
    with tarfile.open(source, "w:gz") as tar:
        member = tarfile.TarInfo("member")
        member.type, member.linkname = kind, link
        tar.addfile(member)
    job.configure({"sagemaker_program": "train.py", "sagemaker_submit_directory": str(source)}, {"train": "text/csv"})
    assert job.train() == 1
    assert "pack plain files, folders and links inside the archive only" in job.failure
    assert not list(job.base.rglob("member"))


def test_an_archive_that_unpacks_past_the_limit_is_refused(job, tmp_path, monkeypatch):
    monkeypatch.setenv("SAGEYARD_UNPACK_LIMIT", "1000000")
    configure(job, tmp_path, {"train.py": "", "zeros": "0" * 2_000_000})
    assert job.train() == 1
    assert "unpacks to more than 1000000 bytes" in job.failure
    assert not list(job.base.rglob("zeros"))


def test_an_archive_with_a_break_in_its_compressed_bytes_is_refused(job, tmp_path):
    source = archive(tmp_path / "sourcedir.tar.gz", {"train.py": "x" * 10_000, "more": "".join(map(str, range(9999)))})
    whole = source.read_bytes()
    source.write_bytes(whole[: len(whole) // 2] + b"\xff" * 50 + whole[len(whole) // 2 + 50 :])
    job.configure({"sagemaker_program": "train.py", "sagemaker_submit_directory": str(source)}, {"train": "text/csv"})
    assert job.train() == 1
    assert "is not a tar.gz archive" in job.failure


def test_requirements_that_cannot_be_installed_fail_the_job_with_pip_s_words(job, tmp_path):
    configure(job, tmp_path, {"train.py": "", "requirements.txt": "./no-such-folder\n"})
    assert job.train() == 1
    assert job.failure.startswith("InstallRequirementsError:\nExitCode 1\n")
    assert "no-such-folder" in job.failure


def test_requirements_are_installed_before_the_script_runs(job, tmp_path):
    """A package of the source folder itself, into a folder of its own, so that nothing is downloaded or kept."""
    target = tmp_path / "packages"
    job.environment = {"PIP_TARGET": str(target), "PYTHONPATH": str(target), "PIP_NO_BUILD_ISOLATION": "0"}
    metadata = "Metadata-Version: 2.1\nName: tiny-thing\nVersion: 1.0\n"
    wheel = tmp_path / "tiny_thing-1.0-py3-none-any.whl"
    write_wheel(wheel, {"tiny_thing.py": "VALUE = 5\n"}, metadata)
    configure(
        job,
        tmp_path,
        {"train.py": "import tiny_thing\nprint('value', tiny_thing.VALUE)\n", "requirements.txt": str(wheel)},
    )
    trained(job)
    assert "value 5" in job.output


def write_wheel(path: Path, files: dict[str, str], metadata: str) -> None:
    import zipfile

    folder = "tiny_thing-1.0.dist-info"
    wheel = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(path, "w") as archived:
        for name, content in (files | {f"{folder}/METADATA": metadata, f"{folder}/WHEEL": wheel}).items():
            archived.writestr(name, content)
        archived.writestr(f"{folder}/RECORD", "")


def test_without_a_program_the_job_fails_and_says_what_is_missing(job):
    job.configure({"max-depth": "3"}, {"train": "text/csv"})
    assert job.train() == 1
    assert "hyperparameter sagemaker_program is missing" in job.failure


@pytest.fixture(scope="module")
def server(serve, tmp_path_factory):
    import joblib
    from sklearn.tree import DecisionTreeClassifier

    base = tmp_path_factory.mktemp("ml")
    (base / "model" / "code").mkdir(parents=True)
    joblib.dump(DecisionTreeClassifier().fit(FEATURES, LABELS), base / "model" / "model.joblib")
    (base / "model" / "code" / "inference.py").write_text(INFERENCE)
    with serve(IMAGE, base, {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}) as running:
        yield running


def npy(rows) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, rows)
    return buffer.getvalue()


def npz(rows) -> bytes:
    import scipy.sparse

    buffer = io.BytesIO()
    scipy.sparse.save_npz(buffer, scipy.sparse.csr_matrix(rows))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content_type", "encode"),
    [
        ("application/x-npy", npy),
        ("application/x-npz", npz),
        ("application/json", lambda rows: json.dumps(rows.tolist()).encode()),
        ("application/jsonlines", lambda rows: "\n".join(json.dumps(row) for row in rows.tolist()).encode()),
        ("text/csv", lambda rows: "\n".join(",".join(map(str, row)) for row in rows.tolist()).encode()),
        ("text/csv; charset=utf-8", lambda rows: "\n".join(",".join(map(str, row)) for row in rows.tolist()).encode()),
    ],
)
def test_documented_content_types_are_read_and_json_is_the_default_answer(server, content_type, encode):
    status, body, answered = server.request(encode(FEATURES[:6]), content_type)
    assert (status, answered) == (200, "application/json"), body
    assert json.loads(body) == LABELS[:6].tolist()


def test_npy_and_csv_are_written(server):
    _, body, content_type = server.request(npy(FEATURES[:6]), "application/x-npy", "application/x-npy")
    assert content_type == "application/x-npy"
    np.testing.assert_array_equal(np.load(io.BytesIO(body)), LABELS[:6])
    _, body, _ = server.request(npy(FEATURES[:2]), "application/x-npy", "text/csv")
    assert body.decode() == "".join(f"{label}\n" for label in LABELS[:2])


def test_one_row_without_brackets_is_one_row(server):
    assert json.loads(server.request(json.dumps(FEATURES[0].tolist()).encode(), "application/json")[1]) == [
        int(LABELS[0])
    ]


@pytest.mark.parametrize(
    ("content_type", "accept", "status"),
    [("image/png", "", 415), ("application/json", "image/png", 406), ("application/x-npy", "", 400)],
)
def test_what_the_defaults_cannot_do_is_refused(server, content_type, accept, status):
    assert server.request(b"[[1, 2, 3]]", content_type, accept)[0] == status


def test_pickled_arrays_are_refused(server):
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"code": "runs"}]), allow_pickle=True)
    status, body, _ = server.request(buffer.getvalue(), "application/x-npy")
    assert status == 400
    assert b"allow_pickle" in body


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("", "the script defines no model_fn; provide one that loads the model"),
        ("import nothing_like_it", "No module named 'nothing_like_it'"),
        ("def transform_fn(*a): ...\ndef input_fn(*a): ...", "defines transform_fn and also input_fn"),
    ],
)
def test_a_script_that_cannot_serve_ends_the_server_and_the_log_says_why(serve, tmp_path, script, words):
    (tmp_path / "model" / "code").mkdir(parents=True)
    (tmp_path / "model" / "code" / "inference.py").write_text(script)
    with serve(IMAGE, tmp_path) as server:
        assert server.process.wait(30) == 1
    assert words in server.log.read_text()


def test_transform_fn_gets_it_all(serve, tmp_path):
    (tmp_path / "model" / "code").mkdir(parents=True)
    (tmp_path / "model" / "code" / "inference.py").write_text(
        "def model_fn(folder):\n    return 'm'\n\n"
        "def transform_fn(model, body, content_type, accept):\n"
        "    return f'{model}|{body}|{content_type}|{accept}', 'text/plain'\n"
    )
    with serve(IMAGE, tmp_path, {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}) as server:
        assert server.request(b"1,2", "text/csv", "x/y") == (200, b"m|1,2|text/csv|x/y", "text/plain")
