"""The demo: product pictures, the scripted uploads, what must come of them, the report page."""
