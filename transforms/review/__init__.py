"""The output guard: what a text must be to leave the pipeline. Pure functions, no Beam."""

from transforms.review.answers import Reviewed, passes, review_answer
from transforms.review.guard import Asked, Ruling, Verdict, review
from transforms.review.load import load_policy
from transforms.review.policy import ReviewPolicy

__all__ = [
    "Asked",
    "ReviewPolicy",
    "Reviewed",
    "Ruling",
    "Verdict",
    "load_policy",
    "passes",
    "review",
    "review_answer",
]
