"""The schema registry at the start of a job: whether its subjects hold what the job reads and writes."""
