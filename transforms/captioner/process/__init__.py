"""Any captioner in a process of its own: its crash is not the worker's, and they share no interpreter lock.

`captioner` is the worker's side, `child` the running process as the worker sees it, `host` what runs in it, `wire` what
passes between them.
"""
