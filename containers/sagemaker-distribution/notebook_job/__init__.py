"""Notebook jobs: a notebook run from top to bottom by a training job."""
