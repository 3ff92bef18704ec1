"""Options from a file and from the environment, beside those of the command line."""
