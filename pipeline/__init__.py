"""The job: its graph, its configuration, its command line, and what it reads from and writes to."""
