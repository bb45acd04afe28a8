"""A monitoring container of a user's own, by AWS's contract: each column's range, and who leaves the baseline's.

Variables and paths: developer guide, model-monitor-byoc-contract-inputs, -outputs and -cloudwatch.
"""

import csv
import json
import os
import sys
from pathlib import Path

GIVEN = dict(os.environ)
OPT_ML = Path(GIVEN.get("SAGEMAKER_BASE_DIR", "/opt/ml"))


def path(variable):
    return OPT_ML / Path(GIVEN[variable]).relative_to("/opt/ml")


def texts(file):
    """CSV, as it is or in the records of a real-time endpoint's captures."""
    if file.suffix != ".jsonl":
        return [file.read_text()]
    return [json.loads(line)["captureData"]["endpointInput"]["data"] for line in file.read_text().splitlines()]


def read(folder):
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    lines = [line for file in files for text in texts(file) for line in text.splitlines()]
    rows = [[float(cell) for cell in row] for row in csv.reader(lines)]
    columns = zip(*rows, strict=True)
    return [{"name": f"c{i}", "min": min(column), "max": max(column)} for i, column in enumerate(columns)], len(rows)


def violations(found):
    if "baseline_constraints" not in GIVEN:
        return []
    limits = {entry["name"]: entry for entry in json.loads(path("baseline_constraints").read_text())["features"]}
    return [
        {
            "feature_name": entry["name"],
            "constraint_check_type": "range_check",
            "description": f"{entry['max']} is above {limits[entry['name']]['max']}",
        }
        for entry in found
        if entry["max"] > limits[entry["name"]]["max"]
    ]


source, output = path("dataset_source"), path("output_path")
features, count = read(source)
broken = violations(features)
output.mkdir(parents=True, exist_ok=True)
documents = {
    "statistics": {"version": 0, "dataset": {"item_count": count}, "features": features},
    "constraints": {"version": 0, "features": features},
    "constraint_violations": {"violations": broken},
    "environment": {"variables": GIVEN, "arguments": sys.argv[1:]},
}
for name, document in documents.items():
    (output / f"{name}.json").write_text(json.dumps(document))
if GIVEN.get("publish_cloudwatch_metrics") == "Enabled":
    metrics = OPT_ML / "output" / "metrics" / "cloudwatch"
    metrics.mkdir(parents=True, exist_ok=True)
    line = {
        "MetricName": "columns_out_of_range",
        "Timestamp": GIVEN["end_time"],
        "Dimensions": [{"Name": "MonitoringSchedule", "Value": GIVEN["sagemaker_monitoring_schedule_name"]}],
        "Value": len(broken),
    }
    (metrics / "mine.jsonl").write_text(json.dumps(line) + "\n")
(OPT_ML / "output").mkdir(exist_ok=True)
message = f"CompletedWithViolations: {len(broken)} columns left their range." if broken else "Completed: all in range."
(OPT_ML / "output" / "message").write_text(message)
