"""Redrive: dead letters go back to the topic they came from. Selected and shown first, sent only when asked to."""
