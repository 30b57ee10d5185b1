"""The language policy, in the process it runs in: ordinary programs run as in plain Python, attacks get nowhere."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from smol_chat.tools.sandbox.base import PythonLimits, PythonOutcome
from smol_chat.tools.sandbox.layers import Layers
from smol_chat.tools.sandbox.process import ProcessSandbox
from support.sandbox_escapes import ESCAPES, HOOKS, NEWER, PRELUDE
from support.sandbox_programs import PROGRAMS

pytestmark = pytest.mark.asyncio(loop_scope="module")

_PLAIN = """
import contextlib, io, json, sys
programs = json.load(sys.stdin)
printed = {}
for name, code in programs.items():
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            names = {"__name__": "__main__", "__builtins__": __builtins__, "__loader__": 1}
            exec(compile(code, "<program>", "exec"), names)
        except BaseException:
            pass
    printed[name] = out.getvalue()
json.dump(printed, sys.stdout)
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox() -> AsyncIterator[ProcessSandbox]:
    made = ProcessSandbox()
    yield made
    await made.close()


async def run(sandbox: ProcessSandbox, code: str) -> PythonOutcome:
    return await sandbox.run_python(code, PythonLimits(seconds=20))


def in_plain_python(programs: dict[str, str]) -> dict[str, str]:
    """Return what each program prints without any policy."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _PLAIN],
        input=json.dumps(programs),
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout))


@pytest.fixture(scope="module")
def plain() -> dict[str, str]:
    return in_plain_python(PROGRAMS)


@pytest.mark.parametrize("name", PROGRAMS)
async def test_ordinary_programs_run_as_in_plain_python(
    name: str, sandbox: ProcessSandbox, plain: dict[str, str]
) -> None:
    outcome = await run(sandbox, PROGRAMS[name])
    assert outcome.error == ""
    assert outcome.ended == "done"
    assert outcome.output == plain[name]
    assert outcome.output.strip()


async def test_each_attack_works_where_nothing_stops_it() -> None:
    attacks = {name: PRELUDE + code for name, code in ESCAPES.items() if sys.version_info >= NEWER.get(name, (3, 10))}
    printed = in_plain_python(attacks)
    assert [name for name in attacks if "ESCAPED" not in printed[name]] == []


@pytest.mark.parametrize("name", ESCAPES)
async def test_no_attack_gets_through(name: str, sandbox: ProcessSandbox) -> None:
    outcome = await run(sandbox, PRELUDE + ESCAPES[name])
    assert "ESCAPED" not in outcome.output
    assert outcome.ended in ("done", "error", "policy")


@pytest.mark.parametrize("code", HOOKS)
async def test_what_the_policy_relies_on_cannot_be_replaced(code: str, sandbox: ProcessSandbox) -> None:
    outcome = await run(sandbox, code)
    assert outcome.ended in ("policy", "error")
    assert outcome.ended == "policy" or outcome.error.startswith("SyntaxError")


async def test_the_process_itself_can_open_nothing_even_without_the_policy(sandbox: ProcessSandbox) -> None:
    """The zone files are read by real library code: it runs outside the policy and meets the limits."""
    asked = "import datetime, importlib as i"
    assert (await run(sandbox, asked)).ended == "error"
    name = "zone" + "info"
    code = f"from {name} import ZoneInfo\nprint(ZoneInfo('Europe/Oslo').key)\nZoneInfo.no_cache('Europe/Oslo')"
    outcome = await run(sandbox, code)
    assert outcome.output == "Europe/Oslo\n"
    assert outcome.ended == "error"


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("1 + 1", "2"),
        ("x = 5\nx", "5"),
        ("x = 5", None),
        ("None", None),
        ("'text'", "'text'"),
        ("print('a')", None),
        ("def f(): return 3\nf()", "3"),
        ("[i for i in range(3)]", "[0, 1, 2]"),
        ("for i in range(2): i", None),
        ("", None),
        ("# nothing", None),
        ("exit = 1\nraise SystemExit", None),
    ],
)
async def test_the_last_value_is_shown_as_in_a_repl(code: str, value: str | None, sandbox: ProcessSandbox) -> None:
    outcome = await run(sandbox, code)
    assert (outcome.ended, outcome.value) == ("done", value)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("x = 1\nprint(x / 0)", "line 2: print(x / 0)\nZeroDivisionError: division by zero"),
        (
            "def f(n):\n    return n.missing\nf(1)",
            "line 3: f(1)\nline 2, in f: return n.missing\nAttributeError: 'int' object has no attribute 'missing'",
        ),
        ("print('a'\nx", "line 1: print('a'\nSyntaxError: '(' was never closed"),
        ("raise ValueError", "line 1: raise ValueError\nValueError"),
        ("nope", "line 1: nope\nNameError: name 'nope' is not defined"),
        ("from json import decoder", None),
        ("open('x')", None),
        ("class E(Exception):\n    def __str__(self): raise KeyError\nraise E", None),
        ("raise KeyboardInterrupt('me')", "line 1: raise KeyboardInterrupt('me')\nKeyboardInterrupt: me"),
        ("def f(): f()\nf()", None),
        ("x = 1\n" + "-" * 100_000 + "1", None),
        ("(" * 100_000, None),
        ("a\0b", None),
    ],
)
async def test_an_error_shows_the_programs_own_line_and_nothing_of_ours(
    code: str, error: str | None, sandbox: ProcessSandbox
) -> None:
    outcome = await run(sandbox, code)
    assert outcome.ended in ("error", "memory", "died")
    if error is not None:
        assert outcome.error == error
    for ours in ("smol_chat", "site-packages", "sandbox:", "<program>", "_getattr_", ".py"):
        assert ours not in outcome.error


async def test_a_refusal_names_the_line(sandbox: ProcessSandbox) -> None:
    outcome = await run(sandbox, "x = 1\nasync def f(): pass\n_x_ = 2")
    assert outcome.ended == "policy"
    assert outcome.error == "Line 2: async functions cannot be used here\nLine 3: the name '_x_' is not allowed"


async def test_an_import_that_is_not_there_says_what_is(sandbox: ProcessSandbox) -> None:
    outcome = await run(sandbox, "import requests")
    assert "No module named 'requests' here. There are: abc, bisect," in outcome.error
    outcome = await run(sandbox, "from json import decoder")
    assert "cannot import name 'decoder' from 'json'" in outcome.error


NUMPY = [
    ("import numpy as np\na = np.arange(6.).reshape(2, 3)\na[0] = 5\na += 1\nprint(a.mean(), a.T.shape)", "5.5 (3, 2)"),
    (
        "import numpy as np\nprint(np.linalg.svd(np.eye(3))[1].tolist(), np.fft.fft([1, 0]).real)",
        "[1.0, 1.0, 1.0] [1. 1.]",
    ),
    ("from numpy.random import default_rng\nprint(default_rng(1).integers(0, 9, 3).shape)", "(3,)"),
    ("import numpy as np\nprint(np.polyfit([0, 1, 2], [1, 3, 5], 1).round(6), np.std([1, 3]))", "[2. 1.] 1.0"),
]


@pytest.mark.parametrize(("code", "printed"), NUMPY)
async def test_numpy_works_where_the_kernel_locks_the_process(code: str, printed: str, sandbox: ProcessSandbox) -> None:
    outcome = await run(sandbox, code)
    assert (outcome.error, outcome.output) == ("", f"{printed}\n")


async def test_numpy_is_not_there_where_only_the_language_policy_holds() -> None:
    sandbox = ProcessSandbox(layers=Layers())
    outcome = await run(sandbox, "import numpy")
    await sandbox.close()
    assert "No module named 'numpy' here." in outcome.error


@pytest.mark.parametrize(
    "code",
    [
        "import numpy as np\nnp.fromfile('/etc/passwd', dtype='S1')",
        "import numpy as np\nnp.loadtxt('/etc/passwd', dtype=str)",
        "import numpy as np\nnp.save('/tmp/attack', [1])",
        "import numpy as np\nnp.memmap('/tmp/attack', mode='w+', shape=4)",
        "import numpy as np\nnp.load('/etc/passwd', allow_pickle=True)",
    ],
)
async def test_through_numpy_no_file_is_reached(code: str, sandbox: ProcessSandbox) -> None:
    outcome = await run(sandbox, code)
    assert outcome.ended == "error"
    assert "root:" not in outcome.output + outcome.error
    assert not Path("/tmp/attack").exists()
