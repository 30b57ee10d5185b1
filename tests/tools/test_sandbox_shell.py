"""Shell commands in each isolation that this machine has: what they can do, how they end, what is left of them."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path

import pytest

from smol_chat.errors import ToolError
from smol_chat.tools.sandbox.backends import Backend, Bubblewrap, Filtered, Job, Landlock, Limited, found_backends
from smol_chat.tools.sandbox.base import Isolation, ShellLimits, ShellOutcome
from smol_chat.tools.sandbox.probe import choose
from smol_chat.tools.sandbox.shell import REFUSED, IsolatedShell
from support.isolation import CONTAINED, running

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these kinds of isolation are Linux only")


@pytest.fixture(params=CONTAINED, ids=lambda backend: backend.isolation.name)
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> IsolatedShell:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    return IsolatedShell(workspace, backends=[request.param])


async def run(shell: IsolatedShell, command: str, limits: ShellLimits | None = None) -> ShellOutcome:
    return await shell.run(command, limits or ShellLimits(seconds=30))


def test_this_machine_tests_more_than_one_isolation() -> None:
    assert [backend.isolation.name for backend in found_backends()][-1] == "limits only"
    assert len(CONTAINED) == 2, "install bubblewrap (apt-get install bubblewrap) on a kernel with Landlock"


# --- what comes back ----------------------------------------------------------------------------


async def test_both_outputs_and_the_exit_code_come_back_apart(shell: IsolatedShell) -> None:
    outcome = await run(shell, "echo out; echo err >&2; exit 3")
    assert outcome == ShellOutcome("done", "out\n", "err\n", 3)


async def test_a_signal_is_told_as_shells_tell_it(shell: IsolatedShell) -> None:
    assert (await run(shell, "kill -9 $$")).code == 137


async def test_it_works_in_the_workspace_and_what_it_writes_stays(shell: IsolatedShell, tmp_path: Path) -> None:
    outcome = await run(shell, "pwd; mkdir -p a/b; echo text > a/b/c; ln -s a link; cat link/b/c; rm link; mv a moved")
    assert outcome.stdout == f"{tmp_path}/workspace\ntext\n"
    assert (tmp_path / "workspace" / "moved" / "b" / "c").read_text() == "text\n"


async def test_its_environment_is_ours_alone(shell: IsolatedShell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMOL_CHAT_CANARY", "secret")
    outcome = await run(shell, "env; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'")
    assert "PATH=" in outcome.stdout
    assert "secret" not in outcome.stdout


async def test_the_last_line_is_told_while_it_runs(shell: IsolatedShell) -> None:
    told: list[str] = []
    seen = asyncio.Event()

    def hear(line: str) -> None:
        told.append(line)
        seen.set()

    call = asyncio.create_task(shell.run("echo one; echo two; exec sleep 1000", ShellLimits(seconds=60), hear))
    await asyncio.wait_for(seen.wait(), 30)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert told[0] in ("one", "two")


async def test_long_output_keeps_its_beginning_and_its_end(shell: IsolatedShell) -> None:
    outcome = await run(shell, "seq 100000; echo short >&2", ShellLimits(seconds=30, output=1000))
    assert outcome.stdout.startswith("1\n2\n")
    assert outcome.stdout.endswith("\n99999\n100000\n")
    assert "bytes left out]" in outcome.stdout
    assert len(outcome.stdout) < 1100
    assert outcome.stderr == "short\n"


async def test_a_flood_is_stopped(shell: IsolatedShell) -> None:
    outcome = await run(shell, "exec cat /dev/zero", ShellLimits(seconds=60, output=1000))
    assert (outcome.ended, outcome.reason) == ("limit", "it printed more than 64 MB")


@pytest.mark.parametrize(
    "command",
    [
        "git init -q && git -c user.name=a -c user.email=b commit -q --allow-empty -m x && git log --oneline | wc -l",
        "printf 'b\\na\\n' | sort | head -1 | tr a 1",
        "for i in 1; do echo $((i)); done",
        "tar cf x.tar /etc/hostname 2>/dev/null; touch f && cp -p f g && chmod 600 g && ls g | wc -l",
        "echo 1 > /tmp/x 2>/dev/null || echo 1 > $TMPDIR/x; cat $TMPDIR/x",
        "find . -name nothing | wc -l | sed s/0/1/",
        "mkfifo p; (echo 1 > p &) ; cat p",
        "awk 'BEGIN { print 1 }' < /dev/null",
        "(sleep 1000 & kill $!; wait $!; echo 1)",
    ],
)
async def test_ordinary_commands_work(command: str, shell: IsolatedShell) -> None:
    outcome = await run(shell, command)
    assert (outcome.code, outcome.stdout.strip()) == (0, "1"), outcome.stderr


# --- how it ends --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command", ["sleep 1000", "trap '' TERM INT HUP; while :; do :; done", "exec 1>&- 2>&-; sleep 1000"]
)
async def test_a_command_without_end_is_stopped(command: str, shell: IsolatedShell) -> None:
    outcome = await run(shell, f"echo before\n{command}", ShellLimits(seconds=1))
    assert (outcome.ended, outcome.stdout) == ("time", "before\n")


DAEMONS = [
    "sleep {mark} & echo started",
    "setsid sleep {mark} >/dev/null 2>&1 & echo started",
    "(setsid sh -c '(setsid sleep {mark} &) ; exec sleep {mark}' &) ; echo started",
    "nohup sleep {mark} >/dev/null 2>&1 & disown 2>/dev/null; echo started",
]


@pytest.mark.parametrize("command", DAEMONS)
async def test_nothing_it_started_is_left(command: str, shell: IsolatedShell) -> None:
    mark = f"98765{os.getpid()}"
    outcome = await run(shell, command.format(mark=mark))
    assert outcome.stdout == "started\n"
    assert running(mark) == []


@pytest.mark.parametrize("command", ["sleep {mark}", "setsid sleep {mark} & sleep {mark}"])
async def test_cancelling_kills_all_of_it(command: str, shell: IsolatedShell) -> None:
    mark = f"87654{os.getpid()}"
    started = asyncio.Event()
    call = asyncio.create_task(
        shell.run(f"echo go; {command.format(mark=mark)}", ShellLimits(seconds=60), lambda line: started.set())
    )
    await asyncio.wait_for(started.wait(), 30)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert running(mark) == []


async def test_it_ends_with_the_program_however_that_ends(tmp_path: Path) -> None:
    mark = f"76543{os.getpid()}"
    program = (
        "import asyncio, os, pathlib\n"
        "from smol_chat.tools.sandbox.base import ShellLimits\n"
        "from smol_chat.tools.sandbox.shell import IsolatedShell\n"
        "shell = IsolatedShell(pathlib.Path.cwd())\n"
        f"asyncio.run(shell.run('echo go; setsid sleep {mark} & sleep {mark}', ShellLimits(),"
        " lambda line: os.kill(os.getpid(), 9)))\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, cwd=tmp_path)
    assert await process.wait() == -9
    for _ in range(1000):  # the kernel tells the launcher, which then kills
        if not running(mark):
            break
        await asyncio.sleep(0.01)
    assert running(mark) == []


async def test_processes_are_counted_together(shell: IsolatedShell) -> None:
    bomb = "f() { f | f & }; f; sleep 1000"
    outcome = await run(shell, bomb, ShellLimits(seconds=30, processes=60))
    assert "fork" in outcome.stderr.lower() or outcome.reason == "it started more than 60 processes"


async def test_memory_is_counted_together(shell: IsolatedShell) -> None:
    holders = "for i in 1 2 3 4; do (head -c 60000000 /dev/zero | tail >/dev/null) & done; wait"
    outcome = await run(shell, holders, ShellLimits(seconds=30, memory=100 * 1024 * 1024))
    assert (outcome.ended, outcome.reason) == ("limit", "it needed more than 100 MB of memory")


async def test_one_process_cannot_take_all_memory(shell: IsolatedShell) -> None:
    outcome = await run(shell, "head -c 900000000 /dev/zero | tail; echo $?", ShellLimits(memory=100 * 1024 * 1024))
    assert outcome.ended == "limit" or "exhausted" in outcome.stderr


async def test_a_file_grows_only_so_far(shell: IsolatedShell, tmp_path: Path) -> None:
    await run(shell, "head -c 5000000 /dev/zero > big", ShellLimits(file_size=1_000_000))
    assert (tmp_path / "workspace" / "big").stat().st_size == 1_000_000


# --- which isolation is chosen ------------------------------------------------------------------


class Pretending:
    """Says that it isolates and does nothing: what a probe must find out."""

    isolation = Isolation("pretending", "Everything.")

    def available(self) -> bool:
        return True

    def job(self, command: str, workspace: Path, private: Path) -> Job:
        return Limited().job(command, workspace, private)


class Broken(Pretending):
    isolation = Isolation("broken", "Everything.")

    def job(self, command: str, workspace: Path, private: Path) -> Job:
        job = Limited().job(command, workspace, private)
        job["arguments"] = ["/no/such/program"]
        return job


class Useless(Pretending):
    isolation = Isolation("useless", "Everything, the workspace too.")

    def job(self, command: str, workspace: Path, private: Path) -> Job:
        job = Landlock(6).job(command, workspace, private)
        job["write"] = [str(private), "/dev/null"]
        return job


@pytest.mark.parametrize("bad", [Pretending(), Broken(), Useless()], ids=lambda bad: bad.isolation.name)
async def test_what_does_not_isolate_is_passed_over(bad: Backend) -> None:
    chosen = await asyncio.to_thread(choose, [bad, Filtered()])
    assert chosen.isolation.name == "seccomp only"


async def test_each_isolation_here_passes_its_trial() -> None:
    for backend in found_backends():
        assert await asyncio.to_thread(choose, [backend]) == backend


async def test_an_older_bubblewrap_works_without_what_it_lacks(tmp_path: Path) -> None:
    program = shutil.which("bwrap")
    assert program is not None, "install bubblewrap: apt-get install bubblewrap"
    assert (await run(IsolatedShell(tmp_path, backends=[Bubblewrap(program)]), "echo 1")).stdout == "1\n"


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5, 6])
async def test_each_version_of_landlock_holds(version: int, tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (tmp_path / "outside").write_text("whole")
    shell = IsolatedShell(workspace, backends=[Landlock(version)])
    outcome = await run(
        shell, f"cat {tmp_path}/outside; truncate -s 0 {tmp_path}/outside; kill -9 {os.getppid()}; echo 1"
    )
    assert outcome.stdout == "1\n"
    assert (tmp_path / "outside").read_text() == "whole"


@pytest.mark.parametrize("backend", [Filtered(), Limited()], ids=lambda backend: backend.isolation.name)
async def test_without_isolation_nothing_is_run_unless_the_user_set_it(backend: Backend, tmp_path: Path) -> None:
    with pytest.raises(ToolError) as caught:
        await run(IsolatedShell(tmp_path, backends=[backend]), "touch ran")
    assert (caught.value.kind, caught.value.message) == ("unavailable", REFUSED)
    assert not (tmp_path / "ran").exists()
    outcome = await run(IsolatedShell(tmp_path, allow_unisolated=True, backends=[backend]), "touch ran")
    assert outcome.code == 0
    assert (tmp_path / "ran").exists()


async def test_a_workspace_that_holds_the_system_is_refused() -> None:
    with pytest.raises(ToolError) as caught:
        await run(IsolatedShell(Path("/")), "echo 1")
    assert "choose a folder with --workspace" in caught.value.message
