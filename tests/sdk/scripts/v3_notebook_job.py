"""SageMaker SDK v3, unmodified: notebook jobs as steps of a pipeline, one of which fails."""

import json
import sys
from pathlib import Path

from notebook_steps import Notebooks
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.workflow.parameters import ParameterString
from sagemaker.mlops.workflow import Pipeline
from sagemaker.mlops.workflow.notebook_job_step import NotebookJobStep

notebooks = Notebooks(Path(sys.argv[1]), NotebookJobStep, ParameterString, Pipeline, Session(), get_execution_role())
print("REPORT " + json.dumps(notebooks.report("v3")))
