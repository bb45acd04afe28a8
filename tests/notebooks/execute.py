"""Runs every cell of a notebook in this interpreter's own kernel: `python execute.py NOTEBOOK RESULT`.

It needs nbclient and ipykernel, which the SDK's virtual environment has and the tests' own does not.
"""

import sys

import nbformat
from nbclient import NotebookClient

source, result = sys.argv[1:]
notebook = nbformat.read(source, as_version=4)
try:
    NotebookClient(notebook, timeout=180, kernel_name="python3").execute()
finally:
    nbformat.write(notebook, result)  # what a failing notebook showed until then helps to find out why
