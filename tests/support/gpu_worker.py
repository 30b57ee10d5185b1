"""A worker process on a machine whose graphics processor takes only so many layers: it loads, and nothing more.

Run as `python gpu_worker.py LIMIT MANNER`: above the limit it dies, as CUDA does (`abort`), or fails with an error of
that kind.
"""

from __future__ import annotations

import os
import sys

from smol_chat.engine import wire
from smol_chat.messages import JsonObject

LAYERS = 33


def main() -> None:
    limit, manner = int(sys.argv[1]), sys.argv[2]
    source, sink = os.fdopen(0, "rb"), os.fdopen(1, "wb")

    def send(job: JsonObject, frame: JsonObject) -> None:
        sink.write(wire.pack({"id": job["id"], **frame}))
        sink.flush()

    while (job := wire.read(source)) is not None:
        wanted = job["gpu_layers"]
        layers = wanted if isinstance(wanted, int) else LAYERS
        send(job, {"type": "planned", "gpu_layers": layers})
        if layers <= limit:
            send(job, {"type": "loaded", "name": "m", "context_size": 512, "detail": f"{layers} layers on the GPU"})
        elif manner == "abort":
            sys.stderr.write("CUDA error: out of memory\n")
            sys.stderr.flush()
            os.abort()
        else:
            send(job, {"type": "failed", "kind": manner, "message": "There is no room."})


if __name__ == "__main__":
    main()
