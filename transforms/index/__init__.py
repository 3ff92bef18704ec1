"""The duplicate index of one scope: its leaders, what its images showed, and how both are packed into state."""
