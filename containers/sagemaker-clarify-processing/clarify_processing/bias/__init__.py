"""Bias metrics: how labels, or predictions, differ between one group and the rest."""
