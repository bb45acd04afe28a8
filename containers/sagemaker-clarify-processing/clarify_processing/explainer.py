"""Online explanations: of one request to an endpoint and the model's answer, the response with attributions.

Configuration: API reference, ClarifyExplainerConfig. Response: developer guide,
clarify-online-explainability-invoke-endpoint. Samples: clarify-online-explainability-create-endpoint.
"""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jmespath
import numpy as np
from jmespath.exceptions import JMESPathError

from .asking import BatchedModel, Send
from .errors import AnalysisError
from .kernel_shap import KernelShap
from .model_input import CSV, JSON_LINES, MEGABYTE, ModelInput
from .model_output import ModelOutput, csv_rows, media_type, scores_of
from .objects import fetch

VERSION = "1.0"
EXPLAIN = "`true`"
"""`EnableExplanations` where neither request nor configuration has it: explanations are activated by default."""


@dataclass(frozen=True)
class Exchange:
    """A request of a client and what the model answered to it; bodies as text."""

    content_type: str
    body: str
    answer_type: str
    answer: str
    enable: str | None
    """The request's own EnableExplanations."""


class Explainer:
    """Explains by a ClarifyExplainerConfig. AnalysisError for one that cannot be, naming the member."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._shap: Mapping[str, Any] = config["ShapConfig"]
        self._inference: Mapping[str, Any] = config.get("InferenceConfig") or {}
        self._enable = config.get("EnableExplanations", EXPLAIN)
        compiled(self._enable)
        self._output = ModelOutput(
            self._place("LabelIndex", "LabelAttribute"), self._place("ProbabilityIndex", "ProbabilityAttribute")
        )
        self._baseline = self._read_baseline(self._shap.get("ShapBaselineConfig") or {})
        headers = self._inference.get("FeatureHeaders")
        if headers and len(headers) != self._baseline.shape[1]:
            raise AnalysisError(
                f"InferenceConfig.FeatureHeaders has {len(headers)} names, but the SHAP baseline has "
                f"{self._baseline.shape[1]} features. Name every feature."
            )

    def respond(self, exchange: Exchange, send: Send) -> dict[str, Any]:
        """The response for a client; `send` asks the model. AnalysisError says what in the request is wrong."""
        rows = self._rows(exchange.content_type, exchange.body, "The request")
        output = exchange.answer.encode()
        predictions = self._output.read(output, exchange.answer_type, len(rows))
        records = self._output.records(output, exchange.answer_type, len(rows))
        wanted = [number for number, record in enumerate(records) if self._explains(exchange.enable, record)]
        response: dict[str, Any] = {
            "version": VERSION,
            "predictions": {"content_type": exchange.answer_type, "data": exchange.answer},
        }
        if label_headers := self._inference.get("LabelHeaders") or self._headers_in(records[0]):
            response["label_headers"] = label_headers
        response["explanations"] = {}
        if wanted:
            explained: list[Any] = [None] * len(rows)
            values = self._attributions(exchange.content_type, rows[wanted], scores_of(predictions)[wanted], send)
            for number, features in zip(wanted, values, strict=True):
                explained[number] = [self._feature(index, each) for index, each in enumerate(features)]
            response["explanations"] = {"kernel_shap": explained}
        return response

    def _attributions(self, content_type: str, rows: np.ndarray, scores: np.ndarray, send: Send) -> np.ndarray:
        """(rows, features, outputs)."""
        template = self._inference.get("ContentTemplate")
        kind = media_type(content_type)
        if kind == JSON_LINES and "$features" not in (template or ""):
            raise AnalysisError(
                f"InferenceConfig.ContentTemplate is {template!r}. To ask the model in {JSON_LINES} it must have the "
                'placeholder $features, as in {"features":$features}.'
            )
        model = BatchedModel(
            ModelInput(kind, [], template),
            self._output,
            send,
            self._inference.get("MaxRecordCount"),
            self._inference.get("MaxPayloadInMB", 6) * MEGABYTE,
        )
        explainer = KernelShap(
            lambda each: scores_of(model.predict(each)),
            self._baseline,
            samples=self._shap.get("NumberOfSamples"),
            seed=self._shap.get("Seed"),
            logit=self._shap.get("UseLogit", False),
        )
        return explainer.explain(rows, scores).values

    def _explains(self, expression: str | None, record: Any) -> bool:
        chosen = expression or self._enable
        found = compiled(chosen).search(record)
        if not isinstance(found, bool):
            raise AnalysisError(
                f"EnableExplanations is {chosen!r}, which gives {json.dumps(found)} for the model's output "
                f"{json.dumps(record)}. It must be true or false: compare, as in [0]>`0.5`."
            )
        return found

    def _feature(self, index: int, attribution: np.ndarray) -> dict[str, Any]:
        headers = self._inference.get("FeatureHeaders")
        named = {"feature_header": headers[index]} if headers else {}
        return named | {"attributions": [{"attribution": attribution.tolist()}]}

    def _headers_in(self, record: Any) -> list[str] | None:
        """The label headers in a record of the model's output, if it has a list of them."""
        place = self._output.label
        if place is None:
            return None
        found = record[place] if isinstance(place, int) else jmespath.search(place, record)
        return [str(name) for name in found] if isinstance(found, list) else None

    def _rows(self, content_type: str, text: str, what: str) -> np.ndarray:
        """Records as rows of features, as many as the baseline's."""
        rows = self._features(content_type, text, what)
        if rows.shape[1] != self._baseline.shape[1]:
            raise AnalysisError(
                f"{what} has {rows.shape[1]} features a record, but the SHAP baseline of the endpoint has "
                f"{self._baseline.shape[1]}."
            )
        return rows

    def _features(self, content_type: str, text: str, what: str) -> np.ndarray:
        kind = media_type(content_type)
        if kind == CSV:
            rows = csv_rows(text)
        elif kind == JSON_LINES:
            rows = [self._found(line, what) for line in text.splitlines() if line.strip()]
        else:
            raise AnalysisError(f"{what} has the content type {content_type!r}. Explained are {CSV} and {JSON_LINES}.")
        if not rows or any(len(row) != len(rows[0]) for row in rows):
            raise AnalysisError(f"{what} must hold at least one record, and all of them the same number of features.")
        table = np.empty((len(rows), len(rows[0])), object)
        for index, row in enumerate(rows):
            table[index] = [None if value == "" else value for value in row]
        return table

    def _found(self, line: str, what: str) -> list[Any]:
        try:
            record = json.loads(line)
        except ValueError as error:
            raise AnalysisError(f"{what} is not JSON Lines: {error} in {line[:200]!r}.") from None
        place = self._inference.get("FeaturesAttribute")
        found = jmespath.search(place, record) if place else record
        if not isinstance(found, list):
            raise AnalysisError(
                f"{what} has the record {line[:200]}, in which InferenceConfig.FeaturesAttribute, {place!r}, finds no "
                f"list of features."
            )
        return found

    def _read_baseline(self, given: Mapping[str, Any]) -> np.ndarray:
        kind = given.get("MimeType", CSV)
        text = given.get("ShapBaseline")
        if text is None:
            with tempfile.TemporaryDirectory(prefix="baseline-") as scratch:
                folder = fetch(given["ShapBaselineUri"], Path(scratch) / "files", "ShapBaselineUri")
                paths = sorted(path for path in folder.rglob("*") if path.is_file())
                text = "\n".join(path.read_text(encoding="utf-8") for path in paths)
        return self._features(kind, text, "The SHAP baseline")

    def _place(self, index: str, attribute: str) -> int | str | None:
        found: int | str | None = self._inference.get(index, self._inference.get(attribute))
        return found


def compiled(expression: str) -> Any:
    """A JMESPath expression, ready to search; AnalysisError if it is none."""
    try:
        return jmespath.compile(expression)
    except JMESPathError as error:
        raise AnalysisError(f"EnableExplanations is {expression!r}, which is no JMESPath expression: {error}") from None
