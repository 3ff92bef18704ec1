"""One command of the command line a file: ``add`` declares its options, ``run`` does it and gives the exit code."""
