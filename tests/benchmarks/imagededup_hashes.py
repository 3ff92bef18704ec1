"""Run by `tests.benchmarks.copies` in an environment that has imagededup: paths in, hashes and seconds out."""

import json
import sys
import time

from imagededup.methods import PHash

if __name__ == "__main__":
    method, hashes, seconds = PHash(verbose=False), [], []
    for path in sys.stdin.read().splitlines():
        begun = time.process_time()
        hashes.append(method.encode_image(image_file=path))
        seconds.append(time.process_time() - begun)
    print(json.dumps({"hashes": hashes, "seconds": seconds}))
