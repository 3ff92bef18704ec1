"""The output guard: what a text must be to leave the pipeline. Pure functions, no Beam."""

from transforms.review.guard import Asked, Ruling, Verdict, review
from transforms.review.load import load_policy
from transforms.review.policy import ReviewPolicy

__all__ = ["Asked", "ReviewPolicy", "Ruling", "Verdict", "load_policy", "review"]
