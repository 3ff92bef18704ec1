"""What Prometheus may scrape of a worker process and of the launcher, and where."""
