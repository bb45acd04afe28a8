"""AutoML of tabular data: an analysis, candidates by tuning, reports on the best of them, its deployment."""
