"""What the machine is doing, on one key: processor, memory, speed, heat and power; looked at only while it is open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from smol_chat.sanitise import single_line

if TYPE_CHECKING:
    from smol_chat.engine.hardware import Memory
    from smol_chat.engine.load import Load
    from smol_chat.engine.sensors import Sensors

_EVERY_S = 2.0


class MachinePanel(Static):
    """Two lines above the status line."""

    DEFAULT_CSS = """
    MachinePanel {
        height: auto;
        margin: 0 1;
        padding: 0 1;
        color: $text-muted;
        background: $panel;
    }
    """

    def __init__(self, tok_s: Callable[[], float], *, id: str | None = None) -> None:
        """Show nothing yet; `tok_s` tells how fast the model writes."""
        super().__init__(Content("looking at the machine …"), id=id)
        self._tok_s = tok_s
        self._before: Load | None = None

    def on_mount(self) -> None:
        """Look now and every two seconds, in a thread."""
        self._look()
        self.set_interval(_EVERY_S, self._look)

    def _look(self) -> None:
        self.run_worker(self._read(), exclusive=True)

    async def _read(self) -> None:
        # Late: only this panel needs them.
        from smol_chat.engine.hardware import cores, jetson_model, memory
        from smol_chat.engine.load import read_load
        from smol_chat.engine.sensors import read_sensors

        load = await asyncio.to_thread(read_load)
        sensors, room = await asyncio.to_thread(lambda: (read_sensors(), memory()))
        before, self._before = self._before, load
        first = processor_line(before, load, cores().count, self._tok_s())
        second = machine_line(room, load, sensors, jetson_model())
        self.update(Content.assemble((first, "$foreground"), "\n", second))


def processor_line(before: Load | None, now: Load, cores: int, tok_s: float) -> str:
    """Return how busy the machine is and with what, in shares of one core."""
    speed = f" · {tok_s:.1f} tok/s" if tok_s else ""
    if before is None or now.at <= before.at:
        return f"CPU …{speed}"
    passed = now.at - before.at
    own = (now.own_s - before.own_s) / passed
    others = (now.others_s - before.others_s) / passed
    busy = (now.busy_s - before.busy_s) / passed
    machine = f"CPU {busy / max(1, cores):.0%} of {cores} {'core' if cores == 1 else 'cores'} · " if now.busy_s else ""
    return f"{machine}model {others:.0%} of a core · screen {own:.0%}{speed}"


def machine_line(room: Memory, load: Load, sensors: Sensors, jetson: str) -> str:
    """Return memory, heat and power, as far as the machine tells."""
    parts = [f"memory: model {_size(load.others_bytes)}, screen {_size(load.own_bytes)}"]
    parts.append(f"{_size(room.available)} of {_size(room.total)} free")
    if sensors.celsius is not None:
        parts.append(f"{sensors.celsius:.0f} °C")
    if sensors.watts is not None:
        parts.append(f"{sensors.watts:.1f} W")
    parts += [part for part in (sensors.power, *sensors.slowed, single_line(jetson, 40)) if part]
    return " · ".join(parts)


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
