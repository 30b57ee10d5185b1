"""Measure how well the model calls tools: put a suite of examples to it, score its answers, report."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TextIO

from smol_chat.assembly import Assembly
from smol_chat.commands.json_lines import json_line
from smol_chat.commands.model_pull import BAR_CELLS
from smol_chat.commands.start import assemble
from smol_chat.engine.base import EngineInfo, Sampling
from smol_chat.errors import UsageError
from smol_chat.evaluation.compare import compare
from smol_chat.evaluation.examine import Examiner, Terms
from smol_chat.evaluation.report import Scored, page
from smol_chat.evaluation.runs import Run, RunKey, appending, begin_or_resume, find_run
from smol_chat.evaluation.score import evaluate
from smol_chat.evaluation.sources import open_suite
from smol_chat.evaluation.suite import SUITES, Suite, sample
from smol_chat.evaluation.tables import as_object, comparison_lines, comparison_object, lines
from smol_chat.evaluation.tryout import TryOut
from smol_chat.messages import ToolSchema
from smol_chat.sanitise import visible
from smol_chat.tools.registry import ToolRegistry

ANSWER_TOKENS = 512
"""Most of one turn where the settings name no limit: enough to think and call, and a model that repeats itself ends."""


def run(arguments: argparse.Namespace) -> int:
    """Evaluate, or compare two runs; return the exit code."""
    assembly = assemble(arguments)
    if arguments.compare:
        return _compare(assembly, arguments)
    if arguments.adapter is not None:
        model = replace(assembly.settings.model, adapter=str(arguments.adapter))
        assembly.settings = replace(assembly.settings, model=model)
    return asyncio.run(_evaluate(assembly, arguments))


async def _evaluate(assembly: Assembly, arguments: argparse.Namespace) -> int:
    suite = sample(open_suite(arguments.suite), arguments.limit, arguments.seed)
    decodings = _decodings(arguments.decoding, assembly)
    scored: list[Scored] = []
    try:
        _notice(assembly, await assembly.start_engine(), arguments)
        for decoding in decodings:
            scored.append(await _run(assembly, suite, arguments, decoding))
            if not arguments.json:
                _print([*lines(scored[-1].run, scored[-1].evaluation), ""])
    finally:
        await assembly.close()
    if arguments.json:
        print(json_line({"runs": [as_object(one.run, one.evaluation) for one in scored]}))
    if arguments.report is not None:
        _write_report(arguments.report, page(scored))
    return 0


def _decodings(asked: str | None, assembly: Assembly) -> Sequence[str]:
    """Return how the model is to write: as it likes, held to the tools' schemas, or first one and then the other."""
    if assembly.server:
        if asked not in (None, "free"):
            raise UsageError("A server cannot be held to schemas from here: leave --decoding out, or say free.")
        return ("free",)
    return ("free", "constrained") if asked in (None, "both") else (asked,)


async def _run(assembly: Assembly, suite: Suite, arguments: argparse.Namespace, decoding: str) -> Scored:
    # Whoever evaluates with all tools means those the user has disabled too.
    registry = await asyncio.to_thread(ToolRegistry.load if arguments.tools == "all" else assembly.registry)
    terms = _terms(assembly, registry.schemas(), arguments.seed, decoding)
    run = begin_or_resume(assembly.paths.evaluations, _key(assembly, suite, arguments.suite, terms, decoding))
    examiner = Examiner(assembly.engine, suite, terms, TryOut(registry, suite.files))
    missing = [example for example in suite.examples if example.id not in run.answers]
    meter = Meter(f"{suite.name}, {decoding}", len(suite.examples), sys.stderr)
    with appending(run) as keep:
        try:
            for example in missing:
                meter(len(run.answers))
                answer = await examiner.answer(example)
                keep(answer)
                run.answers[example.id] = answer
            meter(len(run.answers))
        finally:
            if not run.complete:
                print(file=sys.stderr)
                _say(f"{len(run.answers)} of {run.key.examples} answers are kept; the same command goes on with them.")
    return _scored(run, suite, registry.schemas())


def _scored(run: Run, suite: Suite, schemas: Sequence[ToolSchema]) -> Scored:
    return Scored(run, suite, evaluate(suite, run.answers, {schema.name: schema for schema in schemas}))


def _notice(assembly: Assembly, info: EngineInfo, arguments: argparse.Namespace) -> None:
    setting = assembly.settings.model.tools
    if arguments.tools == "auto" and not (info.template_has_tools if setting == "auto" else setting == "on"):
        _say("By itself the program offers this model no tools; here it is offered them, to be measured.")


def _terms(assembly: Assembly, tools: tuple[ToolSchema, ...], seed: int, decoding: str) -> Terms:
    settings = assembly.settings
    sampling = Sampling(
        temperature=0.0,
        repeat_penalty=settings.sampling.repeat_penalty,
        seed=seed,
        max_tokens=settings.sampling.max_tokens or ANSWER_TOKENS,
    )
    return Terms(tools, sampling, settings.chat.system, decoding == "constrained")


def _key(assembly: Assembly, suite: Suite, source: str, terms: Terms, decoding: str) -> RunKey:
    prompt = json.dumps([terms.system, [tool.as_openai() for tool in terms.tools], asdict(terms.sampling)])
    return RunKey(
        suite=source if source in SUITES else str(Path(source).expanduser().absolute()),
        suite_digest=suite.digest,
        examples=len(suite.examples),
        model=assembly.model_name,
        model_state=_model_state(assembly),
        decoding=decoding,
        seed=terms.sampling.seed or 0,
        prompt_digest=hashlib.sha256(prompt.encode()).hexdigest()[:16],
    )


def _model_state(assembly: Assembly) -> str:
    """Tell one state of the model's files from another: by their size and the time they were written."""
    found = assembly.chosen_model()
    if found is None:
        return assembly.server
    options = assembly.local_options()
    files = [found.path, *([Path(options.adapter)] if options.adapter else [])]
    states = [f"{file.name} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files if file.is_file()]
    return ", ".join([*states, *([f"adapter scale {options.adapter_scale:g}"] if options.adapter else [])])


def _compare(assembly: Assembly, arguments: argparse.Namespace) -> int:
    folder = assembly.paths.evaluations
    first, second = (find_run(folder, name) for name in arguments.compare)
    if first.key.suite_digest != second.key.suite_digest:
        raise UsageError("The two runs are of different suites; their examples cannot be paired.")
    suite = open_suite(first.key.suite)
    if suite.digest != first.key.suite_digest:
        raise UsageError(f"The suite {first.key.suite} has changed since these runs: evaluate again.")
    schemas = assembly.registry().schemas()
    one, other = _scored(first, suite, schemas), _scored(second, suite, schemas)
    found = compare(one.evaluation, other.evaluation)
    if arguments.json:
        print(json_line(comparison_object(first, second, found)))
    else:
        _print(comparison_lines(first, second, found))
    if arguments.report is not None:
        _write_report(arguments.report, page([one, other], found))
    return 0


def _write_report(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"The report {str(path)!r} cannot be written: {error.strerror}.") from error
    _say(f"The report is in {path}.")


def _say(sentence: str) -> None:
    print(f"smol-chat: {visible(sentence, keep_newlines=False)}", file=sys.stderr)


def _print(shown: list[str]) -> None:
    for line in shown:
        print(visible(line, keep_newlines=False).rstrip())


class Meter:
    """Show how far a run is: a bar on a terminal, a line every tenth elsewhere."""

    def __init__(self, name: str, total: int, out: TextIO) -> None:
        self._name = visible(name, keep_newlines=False)
        self._total = total
        self._out = out
        self._bar = out.isatty()
        self._begun = time.monotonic()
        self._first: int | None = None
        self._tenths = -1

    def __call__(self, done: int) -> None:
        """Show it, where that is due."""
        first = self._first = done if self._first is None else self._first
        took = time.monotonic() - self._begun
        left = f", {took / (done - first) * (self._total - done):.0f} s left" if first < done < self._total else ""
        if self._bar:
            full = BAR_CELLS * done // self._total
            bar = "█" * full + "░" * (BAR_CELLS - full)
            self._out.write(f"\r\x1b[2K{self._name[:40]} {bar} {done} of {self._total}{left}")
            self._out.write("\n" if done == self._total else "")
        elif 10 * done // self._total > self._tenths:
            self._tenths = 10 * done // self._total
            self._out.write(f"{self._name}: {done} of {self._total}{left}\n")
        self._out.flush()
