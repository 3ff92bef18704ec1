"""Tries similarity rules on a folder of pictures: the job's inspection, fingerprints and index, without its topics."""
