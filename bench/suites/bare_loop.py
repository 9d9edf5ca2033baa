"""onnxruntime in the barest loop there is: ``python bare_loop.py MODEL THREADS``.

Each line on stdin is a number of runs; each line on stdout their milliseconds, as JSON. What
``edgessl bench`` says is compared with this.
"""

import json
import sys
import time

import numpy as np
import onnxruntime


def main() -> None:
    """Answer until stdin ends."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(sys.argv[2])
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(
        sys.argv[1], options, providers=["CPUExecutionProvider"]
    )
    put = session.get_inputs()[0]
    feed = {put.name: np.random.default_rng(0).standard_normal([1, *put.shape[1:]], np.float32)}
    for line in sys.stdin:
        session.run(None, feed)
        runs_ms = []
        for _ in range(int(line)):
            start = time.perf_counter()
            session.run(None, feed)
            runs_ms.append(1000 * (time.perf_counter() - start))
        print(json.dumps(runs_ms), flush=True)


if __name__ == "__main__":
    main()
