"""``captionstream submit``: upload events from pictures."""
