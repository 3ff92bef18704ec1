"""What each runner needs: the embedded one, and those that a live job is submitted to."""
