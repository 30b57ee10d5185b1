"""The process around a program: limits, what is left of it, what it is given."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from smol_chat.tools.sandbox.base import PythonLimits, PythonOutcome
from smol_chat.tools.sandbox.layers import Layers
from smol_chat.tools.sandbox.process import ProcessSandbox

pytestmark = pytest.mark.asyncio(loop_scope="module")

MEGABYTE = 1024 * 1024


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox() -> AsyncIterator[ProcessSandbox]:
    made = ProcessSandbox()
    yield made
    await made.close()


async def run(sandbox: ProcessSandbox, code: str, limits: PythonLimits | None = None) -> PythonOutcome:
    return await sandbox.run_python(code, limits or PythonLimits(seconds=20))


@pytest.mark.parametrize(
    "code",
    [
        "print('before')\nwhile True: pass",
        "print('before')\nimport time\nwhile True: time.sleep(10)",
        "print('before')\nwhile True:\n    try:\n        while True: pass\n    except BaseException: pass",
        "print('before')\nimport math\nmath.factorial(10 ** 7)",
        "print('before')\nimport re\nre.match(r'(a+)+$', 'a' * 60 + 'b')",
        "print('before')\nsum(range(10 ** 12))",
        "print('before')\n'x' in iter(int, 1)",
    ],
)
async def test_a_program_without_end_is_killed_and_what_it_printed_is_kept(code: str, sandbox: ProcessSandbox) -> None:
    outcome = await run(sandbox, code, PythonLimits(seconds=1))
    assert (outcome.ended, outcome.output) == ("time", "before\n")
    assert outcome.error == "The code was stopped after 1 seconds."


@pytest.mark.parametrize(
    "code",
    [
        "x = 'a' * (2 * 1024 ** 3)",
        "x = []\nwhile True: x.append('a' * 1024 * 1024)",
        "x = bytearray(10 ** 10)",
        "x = [0] * 10 ** 9",
        "d = {}\ni = 0\nwhile True:\n    d[i] = str(i) * 1000\n    i += 1",
        "x = 'a'\nwhile True: x += x",
    ],
)
async def test_a_program_that_wants_all_memory_gets_none(code: str, sandbox: ProcessSandbox) -> None:
    outcome = await run(sandbox, code, PythonLimits(seconds=20, memory=256 * MEGABYTE))
    assert outcome.ended == "memory"


@pytest.mark.parametrize(
    "code",
    [
        "def f(): f()\nf()",
        "x = []\nfor _ in range(100_000): x = [x]\nrepr(x)",
        "import json\njson.loads('[' * 100_000)",
        "x = 10 ** 10 ** 4\nstr(x)",
    ],
)
async def test_what_python_itself_stops_is_an_ordinary_error(code: str, sandbox: ProcessSandbox) -> None:
    outcome = await run(sandbox, code)
    assert outcome.ended in ("error", "died")


@pytest.mark.parametrize("code", ["while True: print('x' * 1000)", "print('é' * 10 ** 7)", "'v' * 10 ** 7"])
async def test_what_is_told_is_capped(code: str, sandbox: ProcessSandbox) -> None:
    outcome = await run(sandbox, code, PythonLimits(seconds=1, output=5000))
    assert len(outcome.output.encode()) <= 5000
    assert len(outcome.value or "") < 30_000
    if "print" in code:
        assert len(outcome.output) > 2000
        assert outcome.output_cut or outcome.ended == "time"


async def test_lone_surrogates_and_binary_text_come_through(sandbox: ProcessSandbox) -> None:
    outcome = await run(sandbox, "print('a\\ud800b\\x00c\\x1b')")
    assert outcome.output == "a\\ud800b\x00c\x1b\n"


async def test_a_program_sees_nothing_of_another(sandbox: ProcessSandbox) -> None:
    await run(sandbox, "import math, string, random\nclass A: kept = 1\nkept = 1")
    assert (await run(sandbox, "kept")).error.endswith("NameError: name 'kept' is not defined")


async def test_its_name_claims_no_more_than_it_does() -> None:
    assert ProcessSandbox(layers=Layers()).name == "process + limits"
    assert "no isolation by the kernel" in ProcessSandbox(layers=Layers()).blocks
    assert ProcessSandbox(layers=Layers(seccomp=True)).name == "seccomp"
    assert ProcessSandbox(layers=Layers(seccomp=True, landlock=True)).name == "seccomp + Landlock"
