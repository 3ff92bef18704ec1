"""The parts of a live read: options, marks, the source of a partition and that of their list, and their feed."""
