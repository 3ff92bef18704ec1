"""Finds records by image id or by coordinates, decodes them, and tells what became of an image across topics."""
