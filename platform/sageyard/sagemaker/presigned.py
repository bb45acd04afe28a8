"""Presigned URLs of what AWS serves as a web application: pages of this server that say what is behind them."""

from urllib.parse import quote

APPLICATIONS = {
    "studio": "SageMaker Studio. Use your own editor or JupyterLab, with the variables that `sageyard env` prints.",
    "notebook-instance": "Jupyter. Start your own, with the variables that `sageyard env` prints.",
    "mlflow-tracking-server": "MLflow. Start one with `mlflow server` and log to it.",
    "mlflow-app": "MLflow. Start one with `mlflow server` and log to it.",
    "partner-app": "a partner's application. Ask the partner for one that you can host.",
}
PREFIX = "/_sageyard/applications/"


class Pages:
    """URLs of this server, and the text found there."""

    def __init__(self, endpoint_url: str) -> None:
        self.endpoint_url = endpoint_url

    def url(self, application: str, *resource: str) -> str:
        """The page of a resource. It needs no signature and never expires: it shows nothing."""
        return self.endpoint_url + PREFIX + "/".join(quote(step, safe="") for step in (application, *resource))


def page(path: str) -> str:
    """The text of a page; raises LookupError for a path that no URL has."""
    application, _, resource = path.partition("/")
    if application not in APPLICATIONS or not resource:
        raise LookupError(path)
    return f"Sageyard keeps the record of {resource}, but runs no application behind it: {APPLICATIONS[application]}\n"
