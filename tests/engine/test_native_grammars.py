from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent


def test_llama_cpp_reads_the_grammar_of_every_schema(smol_model: Path) -> None:
    # a night's run tries 10,000
    count = os.environ.get("SMOL_CHAT_SCHEMAS", "150")
    done = subprocess.run(
        [sys.executable, "-m", "support.native_grammars", str(smol_model), count],
        cwd=TESTS,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)]), "GGML_NO_BACKTRACE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    tried = int(done.stdout.split()[0])
    assert tried >= int(count)
