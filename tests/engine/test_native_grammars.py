from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent


def test_llama_cpp_reads_the_grammar_of_every_schema(hybrid_model: Path) -> None:
    # A night's run tries 10,000. The model is one whose vocabulary has every byte: not all can spell every character.
    count = os.environ.get("SMOL_CHAT_SCHEMAS", "150")
    done = subprocess.run(
        [sys.executable, "-m", "support.native_grammars", str(hybrid_model), count],
        cwd=TESTS,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)]), "GGML_NO_BACKTRACE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    tried = int(done.stdout.split()[0])
    assert tried >= int(count)
