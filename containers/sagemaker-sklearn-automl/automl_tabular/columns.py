"""Kinds of columns, and how each is made into numbers."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, RobustScaler

NUMERIC, CATEGORICAL, TEXT, DATETIME, UNUSED = "numeric", "categorical", "text", "datetime", "unused"
MOST_CATEGORIES = 50
TEXT_WORDS = 300


def kind_of(column: pd.Series) -> str:
    """What a column holds; `unused` if it has one value, or a different text in (nearly) every row."""
    values = column.dropna()
    distinct = values.nunique()
    if distinct < 2:
        return UNUSED
    if pd.api.types.is_bool_dtype(values):
        return CATEGORICAL
    if pd.api.types.is_numeric_dtype(values):
        return NUMERIC
    if pd.api.types.is_datetime64_any_dtype(values) or _are_dates(values):
        return DATETIME
    texts = values.astype(str)
    if texts.str.split().str.len().mean() >= 4:
        return TEXT
    return UNUSED if distinct > MOST_CATEGORIES and distinct > 0.9 * len(values) else CATEGORICAL


def _are_dates(values: pd.Series) -> bool:
    texts = values.astype(str).head(200)
    if not texts.str.contains(r"\d{4}|\d{1,2}[/.-]\d{1,2}", regex=True).all():
        return False
    return not bool(_dates(texts).isna().any())


def _dates(texts: pd.Series) -> pd.Series:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # dates in several forms
        return pd.to_datetime(texts, errors="coerce", format="mixed", utc=True)


def as_numbers(table: pd.DataFrame) -> np.ndarray:
    """Numbers, and nothing where there is none: a served row may have a text there."""
    return table.apply(pd.to_numeric, errors="coerce").to_numpy(float)


def as_texts(table: pd.DataFrame) -> np.ndarray:
    """Texts as objects; what is absent is the empty text."""
    return table.astype(object).where(table.notna(), "").astype(str).to_numpy(object)


def as_words(table: pd.DataFrame) -> np.ndarray:
    """The one column's texts."""
    return as_texts(table)[:, 0]


def as_date_parts(table: pd.DataFrame) -> np.ndarray:
    """Year, month, day, weekday and hour of each column."""
    parts = []
    for name in table.columns:
        when = _dates(table[name].astype(str)).dt
        parts += [when.year, when.month, when.day, when.weekday, when.hour]
    return np.column_stack(parts).astype(float)


def transformer(kinds: dict[str, str], *, scaled: bool) -> ColumnTransformer:
    """Makes a table of these columns into numbers; `scaled` for models that need columns of one size."""
    by_kind: dict[str, list[str]] = {}
    for name, kind in kinds.items():
        by_kind.setdefault(kind, []).append(name)
    scale: list[Any] = [RobustScaler()] if scaled else []
    parts: list[Any] = []
    if names := by_kind.get(NUMERIC):
        impute = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
        parts.append((NUMERIC, make_pipeline(FunctionTransformer(as_numbers), impute, *scale), names))
    if names := by_kind.get(CATEGORICAL):
        encode = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=MOST_CATEGORIES)
        parts.append((CATEGORICAL, make_pipeline(FunctionTransformer(as_texts), encode), names))
    if names := by_kind.get(DATETIME):
        impute = SimpleImputer(strategy="median", keep_empty_features=True)
        parts.append((DATETIME, make_pipeline(FunctionTransformer(as_date_parts), impute, *scale), names))
    for name in by_kind.get(TEXT, []):
        words = make_pipeline(FunctionTransformer(as_words), TfidfVectorizer(max_features=TEXT_WORDS))
        parts.append((f"{TEXT} {name}", words, [name]))
    return ColumnTransformer(parts, sparse_threshold=0.0)
