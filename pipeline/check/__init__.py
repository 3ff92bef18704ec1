"""``captionstream check``: what would stop a job or make it lose data, found by reading only."""
