"""Serving models of the built-in algorithm, and user scripts, over real HTTP."""

import io
import json
import os
import pickle
import signal
import socket
import tarfile
import threading
import time

import duckdb
import numpy as np
import psutil
import pytest
import xgboost

IMAGE = "sagemaker-xgboost"
ROWS = np.random.default_rng(7).random((300, 4)).astype(np.float32)
LABELS = (ROWS[:, 0] + ROWS[:, 1] > 1).astype(np.float32)
CLASSES = (ROWS[:, 0] * 3).astype(int)


def trained(objective="binary:logistic", labels=LABELS, **parameters) -> xgboost.Booster:
    return xgboost.train({"objective": objective, "nthread": 1} | parameters, xgboost.DMatrix(ROWS, labels), 5)


def csv(rows) -> bytes:
    return "\n".join(",".join("" if np.isnan(v) else f"{v:.8g}" for v in row) for row in rows).encode()


def numbers(body: bytes) -> np.ndarray:
    return np.array([[float(v) for v in line.split(",")] for line in body.decode().splitlines()])


@pytest.fixture(scope="module")
def booster():
    return trained()


@pytest.fixture(scope="module")
def server(serve, booster, tmp_path_factory):
    base = tmp_path_factory.mktemp("ml")
    (base / "model").mkdir()
    (base / "model" / "xgboost-model").write_bytes(booster.save_raw("ubj"))
    with serve(IMAGE, base) as running:
        yield running


@pytest.fixture(scope="module")
def expected(booster):
    return booster.predict(xgboost.DMatrix(ROWS))


@pytest.mark.parametrize("count", [1, 2, 300])
def test_csv_is_answered_with_a_line_a_row(server, expected, count):
    status, body, content_type = server.request(csv(ROWS[:count]) + b"\n")
    assert (status, content_type) == (200, "text/csv")
    assert body.endswith(b"\n")
    np.testing.assert_allclose(numbers(body)[:, 0], expected[:count], atol=1e-6)


@pytest.mark.parametrize("count", [1, 20])
def test_empty_fields_are_missing_values(server, booster, count):
    rows = ROWS[:count].copy()
    rows[:, 0] = np.nan
    rows[0, 3] = np.nan
    status, body, _ = server.request(csv(rows))
    assert status == 200
    np.testing.assert_allclose(numbers(body)[:, 0], booster.predict(xgboost.DMatrix(rows)), atol=1e-6)


def test_libsvm_json_json_lines_and_parquet_are_read(server, expected, tmp_path):
    rows = ROWS[:3]
    duckdb.from_df(__import__("pandas").DataFrame(rows)).write_parquet(str(tmp_path / "rows.parquet"))
    bodies = {
        "text/libsvm": "\n".join("0 " + " ".join(f"{i}:{v:.8g}" for i, v in enumerate(r)) for r in rows).encode(),
        "text/x-libsvm": "\n".join(" ".join(f"{i}:{v:.8g}" for i, v in enumerate(r)) for r in rows).encode(),
        "application/json": json.dumps({"instances": [{"features": r.tolist()} for r in rows]}).encode(),
        "application/jsonlines": "\n".join(json.dumps({"features": r.tolist()}) for r in rows).encode(),
        "application/x-parquet": (tmp_path / "rows.parquet").read_bytes(),
    }
    for kind, body in bodies.items():
        status, answer, _ = server.request(body, kind)
        assert status == 200, (kind, answer)
        np.testing.assert_allclose(numbers(answer)[:, 0], expected[:3], atol=1e-6, err_msg=kind)


def test_json_and_json_lines_are_written(server, expected):
    status, body, content_type = server.request(csv(ROWS[:2]), accept="application/json")
    assert (status, content_type) == (200, "application/json")
    records = json.loads(body)["predictions"]
    assert [record["score"] for record in records] == pytest.approx(expected[:2].tolist(), abs=1e-6)
    _, body, _ = server.request(csv(ROWS[:2]), accept="application/jsonlines")
    assert [json.loads(line) for line in body.splitlines()] == records


@pytest.mark.parametrize(
    ("body", "content_type", "accept", "status", "words"),
    [
        (b"1,2,3,4", "image/png", "", 415, "Content-Type 'image/png' is not supported; send one of text/csv"),
        (b"1,2,3,4", "text/csv", "image/png", 406, "Accept 'image/png' is not supported; ask for one of text/csv"),
        (b"1,2,3", "text/csv", "", 400, "3 features were sent, the model was trained with 4"),
        (b"1,2,3,x", "text/csv", "", 400, "Loading text/csv data failed: could not convert string to float"),
        (b"1,2,3,4\n1", "text/csv", "", 400, "rows of different length"),
        (b"9:1", "text/libsvm", "", 400, "index 9 in a model of 4 features"),
        (b"{", "application/json", "", 400, "Loading application/json data failed"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_the_cause(server, body, content_type, accept, status, words):
    found, text, _ = server.request(body, content_type, accept)
    assert found == status
    assert words in text.decode()


def test_other_pages(server):
    assert server.request(path="/ping") == (200, b"", "text/plain; charset=utf-8")
    status, body, _ = server.request(path="/execution-parameters")
    assert status == 200
    assert json.loads(body) == {
        "MaxConcurrentTransforms": min(2, os.cpu_count() or 1),
        "BatchStrategy": "MULTI_RECORD",
        "MaxPayloadInMB": 6,
    }
    assert server.request(path="/models")[0] == 404


def test_pipelined_requests_and_bodies_in_pieces_are_answered_in_order(server, expected):
    def request(rows: np.ndarray) -> bytes:
        body = csv(rows)
        return (
            b"POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-type: text/csv\r\ncontent-length: %d\r\n\r\n" % len(body)
            + body
        )

    big = np.tile(ROWS, (40, 1))  # more than what is answered within the event loop
    stream = request(ROWS[:1]) + request(big) + request(ROWS[1:2])
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        for start in range(0, len(stream), 50_000):
            client.sendall(stream[start : start + 50_000])
        reader = client.makefile("rb")
        for rows in (expected[:1], np.tile(expected, 40), expected[1:2]):
            length = 0
            while (line := reader.readline()) != b"\r\n":
                if line.startswith(b"content-length"):
                    length = int(line.split(b":")[1])
            np.testing.assert_allclose(numbers(reader.read(length))[:, 0], rows, atol=1e-6)


def test_a_worker_that_dies_is_replaced(server, expected):
    def workers() -> set[int]:
        return {child.pid for child in psutil.Process(server.process.pid).children()}

    before = workers()
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    end = time.monotonic() + 20
    while len(workers() - {victim}) < len(before):
        assert time.monotonic() < end
    np.testing.assert_allclose(numbers(server.request(csv(ROWS[:1]))[1])[:, 0], expected[:1], atol=1e-6)
    assert f"worker {victim} ended with status -9, starting another" in server.log.read_text()


def model_folder(tmp_path, **files: bytes):
    (tmp_path / "model").mkdir()
    for name, content in files.items():
        (tmp_path / "model" / name.replace("_", "-")).write_bytes(content)
    return tmp_path


def test_selected_output_of_a_multiclass_model(serve, tmp_path):
    booster = trained("multi:softprob", CLASSES, num_class=3)
    base = model_folder(tmp_path, xgboost_model=booster.save_raw("json"))
    expected = booster.predict(xgboost.DMatrix(ROWS[:2]))
    keys = "predicted_label, probabilities,predicted_score"
    with serve(IMAGE, base, {"SAGEMAKER_INFERENCE_OUTPUT": keys, "SAGEMAKER_MODEL_SERVER_WORKERS": "1"}) as server:
        _, body, _ = server.request(csv(ROWS[:2]), accept="application/jsonlines")
        records = [json.loads(line) for line in body.splitlines()]
        assert [list(record) for record in records] == [["predicted_label", "probabilities", "predicted_score"]] * 2
        assert [record["predicted_label"] for record in records] == expected.argmax(axis=1).tolist()
        np.testing.assert_allclose([record["probabilities"] for record in records], expected, atol=1e-6)
        _, body, _ = server.request(csv(ROWS[:1]))
        assert body.decode().startswith(f'{expected[0].argmax()},"[')
        assert body.decode().endswith("nan")


@pytest.mark.parametrize("parameters", [{"booster": "gblinear"}, {"booster": "dart"}, {"objective": "count:poisson"}])
def test_every_booster_predicts_as_xgboost_does(serve, tmp_path, parameters):
    booster = trained(**parameters)
    base = model_folder(tmp_path, xgboost_model=booster.save_raw("ubj"))
    with serve(IMAGE, base, {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}) as server:
        found = numbers(server.request(csv(ROWS))[1])[:, 0]
    np.testing.assert_allclose(found, booster.predict(xgboost.DMatrix(ROWS)), rtol=1e-5)


def test_models_of_several_folds_answer_with_their_mean_also_when_pickled(serve, tmp_path):
    first, second = trained(), trained(eta=0.9)
    base = model_folder(tmp_path, xgboost_model_0=first.save_raw("ubj"), xgboost_model_1=pickle.dumps(second))
    with serve(IMAGE, base, {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}) as server:
        found = numbers(server.request(csv(ROWS))[1])[:, 0]
    rows = xgboost.DMatrix(ROWS)
    np.testing.assert_allclose(found, (first.predict(rows) + second.predict(rows)) / 2, atol=1e-6)


def test_the_archive_that_local_mode_leaves_beside_the_model_is_passed_over(serve, booster, tmp_path):
    base = model_folder(tmp_path, xgboost_model=booster.save_raw("ubj"))
    (base / "model" / "model.tar.gz").write_bytes(b"no model")
    with serve(IMAGE, base, {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}) as server:
        assert server.request(csv(ROWS))[0] == 200


def test_a_model_that_cannot_be_loaded_ends_the_server_and_the_log_says_why(serve, tmp_path):
    with serve(IMAGE, model_folder(tmp_path, xgboost_model=b"no model")) as server:
        assert server.process.wait(20) == 1
    assert "xgboost-model is not an XGBoost model" in server.log.read_text()


SCRIPT = """
import json, os, time
import xgboost

def model_fn(model_dir):
    booster = xgboost.Booster()
    booster.load_model(os.path.join(model_dir, "xgboost-model"))
    return booster

def input_fn(body, content_type):
    if body == "boom":
        raise RuntimeError("the instrument is broken")
    if body.startswith("sleep"):
        time.sleep(float(body.split()[1]))
        body = "0.1,0.2,0.3,0.4"
    return xgboost.DMatrix([[float(v) for v in body.split(",")]])

def output_fn(prediction, accept):
    return json.dumps({"risk": float(prediction[0]), "accept": accept}), "application/json"
"""


@pytest.fixture(scope="module")
def script_server(serve, booster, tmp_path_factory):
    base = tmp_path_factory.mktemp("script")
    (base / "model" / "code").mkdir(parents=True)
    (base / "model" / "xgboost-model").write_bytes(booster.save_raw("ubj"))
    (base / "model" / "code" / "score.py").write_text(SCRIPT)
    environment = {
        "SAGEMAKER_PROGRAM": "score.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
        "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/special",
        "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
        "SAGEMAKER_MODEL_SERVER_TIMEOUT": "3",
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": "1",
    }
    with serve(IMAGE, base, environment) as running:
        yield running


def test_the_functions_of_a_script_answer(script_server, expected):
    status, body, content_type = script_server.request(csv(ROWS[:1]))
    assert (status, content_type) == (200, "application/json")
    assert json.loads(body) == {"risk": pytest.approx(float(expected[0]), abs=1e-6), "accept": "text/special"}


def test_an_error_of_the_script_is_a_500_with_its_traceback(script_server):
    status, body, _ = script_server.request(b"boom")
    assert status == 500
    assert body.decode().startswith("RuntimeError: the instrument is broken\nTraceback")
    assert 'raise RuntimeError("the instrument is broken")' in body.decode()


def test_ping_is_answered_while_the_script_predicts(script_server):
    answers = []
    slow = threading.Thread(target=lambda: answers.append(script_server.request(b"sleep 1.5")))
    slow.start()
    begun = time.monotonic()
    while slow.is_alive() and time.monotonic() < begun + 0.5:
        assert script_server.request(path="/ping")[0] == 200
    assert not answers
    slow.join()
    assert answers[0][0] == 200


def test_a_body_above_the_limit_is_refused(script_server):
    status, body, _ = script_server.request(b"1" * (2**20 + 1))
    assert status == 413
    assert "SAGEMAKER_MAX_PAYLOAD_IN_MB" in body.decode()


def test_a_prediction_that_takes_too_long_is_a_500_and_the_worker_is_replaced(script_server):
    status, body, _ = script_server.request(b"sleep 30")
    assert status == 500
    assert b"SAGEMAKER_MODEL_SERVER_TIMEOUT = 3 seconds" in body
    end = time.monotonic() + 30
    while True:
        try:
            if script_server.request(csv(ROWS[:1]))[0] == 200:
                break
        except OSError:
            assert time.monotonic() < end


def test_requests_under_way_are_answered_after_sigterm(serve, booster, tmp_path):
    base = model_folder(tmp_path, xgboost_model=booster.save_raw("ubj"))
    archive = tmp_path / "source.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        member = tarfile.TarInfo("inference.py")
        member.size = len(SCRIPT)
        tar.addfile(member, io.BytesIO(SCRIPT.encode()))
    answers = []
    with serve(IMAGE, base, {"SAGEMAKER_SUBMIT_DIRECTORY": str(archive)}) as server:
        slow = threading.Thread(target=lambda: answers.append(server.request(b"sleep 1")))
        slow.start()
        end = time.monotonic() + 0.4
        while time.monotonic() < end:
            server.request(path="/ping")
        server.process.terminate()
        slow.join()
        assert server.process.wait(20) == 0
    assert answers[0][0] == 200
