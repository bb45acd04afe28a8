"""Containers by the Docker Engine. Needs the docker SDK: `pip install 'sageyard[docker]'`."""
