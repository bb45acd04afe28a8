"""Serving a candidate (guide: 'Deploy Autopilot models for real-time inference', inference response keys)."""

import io
import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
from sagemaker_toolkit import arrays
from sagemaker_toolkit.errors import ClientError, NotAcceptableError, RequestError, UnsupportedContentTypeError

from automl_tabular.candidate import Candidate

OUTPUT, SUPPORTED = "SAGEMAKER_INFERENCE_OUTPUT", "SAGEMAKER_INFERENCE_SUPPORTED"
KEYS = ("predicted_label", "probability", "labels", "probabilities")


class CandidateHandler:
    """Answers rows of the features, in the order of the training data without its target and without a header."""

    inline = False
    accept = arrays.CSV

    def load(self, model_dir: Path) -> None:
        """Raises ClientError for an unknown response key."""
        self.candidate = Candidate.load(model_dir)
        asked = os.environ.get(OUTPUT) or "predicted_label"
        self.keys = [key.strip() for key in asked.split(",")]
        known = KEYS if self.candidate.labels else KEYS[:1]
        if unknown := [key for key in self.keys if key not in known]:
            raise ClientError(f"{OUTPUT} asks for {unknown[0]!r}; this model can answer {', '.join(known)}")

    def invoke(self, body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
        """A record a row: of one key its value, of several all of them."""
        kind = arrays.media_type(accept)
        if kind not in (arrays.CSV, arrays.JSON, arrays.JSON_LINES):
            raise NotAcceptableError(accept, [arrays.CSV, arrays.JSON, arrays.JSON_LINES])
        records = self._answers(self._rows(body, content_type))
        if kind == arrays.CSV:
            lines = (",".join(_field(value) for value in record.values()) for record in records)
            return ("\n".join(lines) + "\n").encode(), kind
        if kind == arrays.JSON_LINES:
            return "".join(json.dumps(record) + "\n" for record in records).encode(), kind
        return json.dumps({"predictions": records}).encode(), kind

    def _rows(self, body: bytes, content_type: str) -> pd.DataFrame:
        features = self.candidate.features
        kind = arrays.media_type(content_type)
        try:
            if kind == arrays.CSV:
                table = pd.read_csv(io.BytesIO(body), header=None, skip_blank_lines=True)
            elif kind == arrays.JSON:
                document = json.loads(body)
                rows = document.get("instances", document.get("data")) if isinstance(document, dict) else document
                table = pd.DataFrame([row.get("features", row) if isinstance(row, dict) else row for row in rows])
            else:
                raise UnsupportedContentTypeError(content_type, [arrays.CSV, arrays.JSON])
        except (ValueError, TypeError, AttributeError) as error:
            raise RequestError(f"the body cannot be read as {kind}: {error}") from error
        if set(features) <= set(table.columns):
            return table[features]
        if len(table.columns) != len(features):
            raise RequestError(f"a row has {len(table.columns)} values; this model takes {len(features)}: {features}")
        table.columns = features
        return table

    def _answers(self, table: pd.DataFrame) -> list[dict[str, Any]]:
        predicted, probabilities = self.candidate.predict(table)
        if probabilities is None:
            return [{"predicted_label": float(value)} for value in predicted]
        labels = self.candidate.labels
        found = []
        for number, row in zip(predicted, probabilities.tolist(), strict=True):
            answers = {"predicted_label": labels[number], "probability": max(row), "labels": labels}
            answers["probabilities"] = row
            found.append({key: answers[key] for key in self.keys})
        return found


def _field(value: Any) -> str:
    text = json.dumps(value) if isinstance(value, list) else str(value)
    return '"' + text.replace('"', '""') + '"' if "," in text or '"' in text else text
