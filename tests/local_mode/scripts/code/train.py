"""Trains, and says over S3, from inside the container, on which hosts; the first of them waits for the others."""

import argparse
import json
import os
import socket
from pathlib import Path

import boto3
import joblib
import numpy
from sklearn.linear_model import LogisticRegression

PORT = 7777


def model_fn(model_dir):
    return joblib.load(Path(model_dir) / "model.joblib")


def meet(hosts, host):
    """Every other host connects to the first one by name."""
    if host == hosts[0]:
        with socket.create_server(("", PORT)) as server:
            for _ in hosts[1:]:
                server.accept()[0].close()
        return
    while True:
        try:
            socket.create_connection((hosts[0], PORT), timeout=5).close()
            return
        except OSError:
            continue


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--strength", type=float)
    parser.add_argument("--bucket")
    parser.add_argument("--key")
    options = parser.parse_args()
    hosts, host = json.loads(os.environ["SM_HOSTS"]), os.environ["SM_CURRENT_HOST"]
    meet(hosts, host)
    table = numpy.loadtxt(Path(os.environ["SM_CHANNEL_TRAIN"]) / "train.csv", delimiter=",")
    model = LogisticRegression(C=options.strength).fit(table[:, 1:], table[:, 0])
    joblib.dump(model, Path(os.environ["SM_MODEL_DIR"]) / "model.joblib")
    if options.bucket and host == hosts[0]:
        said = f"trained on {len(table)} rows, hosts {len(hosts)}"
        boto3.client("s3").put_object(Bucket=options.bucket, Key=options.key, Body=said)
