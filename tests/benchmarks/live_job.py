"""``captionstream`` with a meter and a trace on it; what they found goes to a file when the command ends.

python -m tests.benchmarks.live_job FILE run --bootstrap-servers …
"""

import sys
import time
from pathlib import Path

from pipeline.cli import main
from tests.benchmarks.meter import measure
from tests.benchmarks.trace import trace
from transforms.metrics import tally

if __name__ == "__main__":
    meter, way = measure(), trace()
    started = time.process_time()
    code = main(sys.argv[2:])
    uploads = max(tally().get("captions", 0), 1)
    report = f"{way.report()}\n\n{meter.report(uploads, time.process_time() - started)}\n"
    Path(sys.argv[1]).write_text(report)
    sys.exit(code)
