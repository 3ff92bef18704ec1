"""For all tests."""

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell lets what it runs in the background ignore Ctrl-C, and every process that a test starts would, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
