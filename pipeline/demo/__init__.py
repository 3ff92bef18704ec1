"""The demo: scripted uploads on a real broker, checked against what the script expects."""
