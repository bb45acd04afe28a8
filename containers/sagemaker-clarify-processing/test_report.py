"""Reports: a page, a notebook and a PDF file that show the numbers of analysis.json and need nothing beside them."""

import json
import re
from html.parser import HTMLParser

import pytest
from clarify_processing.config import Report
from clarify_processing.report import write_report
from pypdf import PdfReader

ANALYSIS = {
    "version": "1.0",
    "post_training_bias_metrics": {
        "label": "approved",
        "label_value_or_threshold": "<yes>",
        "facets": {
            "sex": [
                {
                    "value_or_threshold": "F",
                    "metrics": [
                        {"name": "CDDPL", "description": "CDDPL in full", "value": None, "error": "No group variable"},
                        {"name": "DI", "description": "Disparate Impact (DI)", "value": 0.51234},
                        {"name": "DPPL", "description": "DPPL in full", "value": -0.25},
                        {"name": "TE", "description": "TE in full", "value": "Infinity"},
                    ],
                }
            ]
        },
    },
    "explanations": {
        "kernel_shap": {
            "label0": {"global_shap_values": {f"f{i}": i / 10 for i in range(30)}, "expected_value": 0.5432}
        },
        "pdp": [
            {
                "feature_name": "age",
                "data_type": "numerical",
                "feature_values": [20, 40.5, 60],
                "label_headers": ["yes"],
                "model_predictions": [[0.1, 0.5, 0.9]],
            },
            {
                "feature_name": "town",
                "data_type": "categorical",
                "feature_values": ["Bonn", "Kiel"],
                "label_headers": ["no", "yes"],
                "model_predictions": [[0.3, 0.3], [0.7, 0.7]],
            },
            {
                "feature_name": "constant",
                "data_type": "numerical",
                "feature_values": [7],
                "label_headers": ["yes"],
                "model_predictions": [[0.5]],
            },
            {"feature_name": "essay", "data_type": "free_text", "error": "Free text has no partial dependence"},
        ],
    },
}


class Outside(HTMLParser):
    """What a page would load."""

    def __init__(self):
        super().__init__()
        self.tags, self.loads = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loads += [value for name, value in attrs if name in ("src", "href", "xlink:href", "data")]


@pytest.fixture
def folder(tmp_path):
    write_report(Report("audit", "Audit & <report>"), ANALYSIS, 1234, tmp_path)
    return tmp_path


def test_the_page_holds_everything_itself(folder):
    text = (folder / "audit.html").read_text()
    page = Outside()
    page.feed(text)
    assert page.loads == []
    assert "script" not in page.tags
    assert "url(" not in text
    assert page.tags.count("svg") == 7  # two of bias, one of SHAP, four of partial dependence


def test_the_page_shows_the_values_and_escapes_what_comes_from_data(folder):
    text = (folder / "audit.html").read_text()
    assert "<h1>Audit &amp; &lt;report&gt;</h1>" in text
    assert "1,234 rows" in text
    assert "approved = &lt;yes&gt;" in text
    row = re.search(r"<tr><td>Disparate Impact \(DI\)</td>.*?</tr>", text)[0]
    assert ">0.5123<" in row
    assert "four fifths" in row
    assert ">Infinity<" in text
    assert "No group variable" in text
    assert "the largest 25 of 30" in text
    assert ">Kiel<" in text
    assert "Free text has no partial dependence" in text


def test_the_notebook_has_its_results_in_it(folder):
    notebook = json.loads((folder / "audit.ipynb").read_text())
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    assert notebook["cells"][0]["source"] == "# Audit & <report>"
    outputs = [cell["outputs"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    shown = "".join(output["data"]["text/html"] for each in outputs for output in each)
    assert shown.count("<svg") == 7
    assert "0.5123" in shown


def test_the_pdf_file_says_the_same(folder):
    document = PdfReader(folder / "audit.pdf")
    text = "\n".join(page.extract_text() for page in document.pages)
    assert document.metadata.title == "Audit & <report>"
    for words in ("Disparate Impact (DI)", "0.5123", "Global SHAP values, the largest 25 of 30", "Partial dependence"):
        assert words in text, words
