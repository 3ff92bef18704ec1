"""The story of one picture: every request and answer, and what became of it."""
