"""SageMaker SDK v2, unmodified: notebook jobs as steps of a pipeline, one of which fails."""

import json
import sys
from pathlib import Path

import sagemaker
from notebook_steps import Notebooks
from sagemaker.workflow.notebook_job_step import NotebookJobStep
from sagemaker.workflow.parameters import ParameterString
from sagemaker.workflow.pipeline import Pipeline

notebooks = Notebooks(
    Path(sys.argv[1]), NotebookJobStep, ParameterString, Pipeline, sagemaker.Session(), sagemaker.get_execution_role()
)
print("REPORT " + json.dumps(notebooks.report("v2")))
