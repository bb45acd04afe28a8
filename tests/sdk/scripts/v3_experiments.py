"""SageMaker SDK v3, unmodified: Run logs parameters, metrics, files and tables; runs are loaded and listed."""

import json
import sys
from pathlib import Path

from sagemaker.core.experiments.run import Run, list_runs, load_run
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.resources import TrialComponent

folder = Path(sys.argv[1])
(folder / "note.txt").write_text("a note")
report = {}
session = Session()
name = "v3-experiment"
with Run(experiment_name=name, run_name="first", sagemaker_session=session) as run:
    run.log_parameters({"rate": 0.25, "booster": "gbtree"})
    for step in range(12):
        run.log_metric("loss", 1 / (step + 1), step=step)
    run.log_artifact("reference", "s3://bucket/reference", is_output=False)
    run.log_file(str(folder / "note.txt"), name="note")
    run.log_confusion_matrix([1, 0, 1], [1, 0, 0], title="confusion")
with load_run(experiment_name=name, run_name="first", sagemaker_session=session) as run:
    run.log_metric("loss", 0.01, step=12)
with Run(experiment_name=name, run_name="second", sagemaker_session=session):
    pass
component = TrialComponent.get(trial_component_name=f"{name}-first")
report["status"] = component.status.primary_status
report["parameters"] = {key: value.number_value for key, value in component.parameters.items() if key == "rate"}
report["metrics"] = {one.metric_name: [one.count, one.min, one.max, one.last] for one in component.metrics}
report["outputs"] = sorted(component.output_artifacts)
report["runs"] = sorted(run.run_name for run in list_runs(experiment_name=name, sagemaker_session=session))
print("REPORT " + json.dumps(report))
