"""A long Markdown reply in the real program under tmux: CPU of the UI, lag at the end, key echo while it streams."""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time

from fake_openai import END_MARK
from terminal import Terminal, cpu_seconds, fake_server, last_stream, processes, program, resident_mb


def echo_seconds(terminal: Terminal, character: str) -> float:
    """Return how long a typed character takes to appear."""
    start = time.perf_counter()
    terminal.text(character)
    while character not in terminal.screen():
        if time.perf_counter() - start > 3:
            return 3.0
        time.sleep(0.002)
    return time.perf_counter() - start


def run(model: str, *, echoes: bool) -> dict[str, object]:
    """Stream one reply and return the figures; times in seconds, memory in MiB."""
    with fake_server() as (server, log), tempfile.TemporaryDirectory() as folder:
        config = f"{folder}/config.toml"
        with open(config, "w") as file:  # noqa: PTH123  one line, nothing to join
            file.write(f'[server]\nurl = "{server}"\nmodel = "{model}"\n')
        terminal = Terminal(program("--data-dir", folder, "--config", config, "--workspace", folder))
        try:
            terminal.wait(lambda screen: model in screen)
            time.sleep(1.0)
            terminal.text("go")
            terminal.wait(lambda screen: "go" in screen)
            pids = processes(terminal.pid)
            before = cpu_seconds(pids)
            terminal.keys("Enter")
            delays: list[float] = []
            if echoes:
                # Characters that the reply never holds, so that seeing one means the key was echoed.
                for character in "äöüßéèñçøåæœžščřďťňľĺŕáíóúý":
                    time.sleep(0.7)
                    delays.append(echo_seconds(terminal, character))
            drawn = terminal.wait(lambda screen: END_MARK in screen, timeout=120)
            time.sleep(1.0)
            pids = sorted({*pids, *processes(terminal.pid)})
            used = cpu_seconds(pids) - before
            times = last_stream(log)
            figures: dict[str, object] = {
                "model": model,
                "cpu_s": round(used, 2),
                "lag_s": round(drawn - times["t_last"], 3),
                "sent_to_drawn_s": round(drawn - times["t_req"], 3),
                "memory_mb": round(resident_mb(pids), 1),
            }
            if delays:
                ordered = sorted(delays)
                figures["key_echo_median_ms"] = round(statistics.median(delays) * 1000)
                figures["key_echo_p95_ms"] = round(ordered[int(len(ordered) * 0.95)] * 1000)
            return figures
        finally:
            terminal.close()


def main() -> None:
    """Measure both replies and print one JSON object each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=5000)
    arguments = parser.parse_args()
    print(json.dumps(run(f"fake-200-{arguments.tokens}", echoes=arguments.tokens >= 5000)))
    print(json.dumps(run(f"fake-max-{arguments.tokens}", echoes=False)))


if __name__ == "__main__":
    main()
