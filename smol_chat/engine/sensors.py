"""How hot this machine is, what it draws, and whether that slows it down, where the system tells. `root` as ever."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/")

HOT_CELSIUS = 90
"""Most processors slow themselves down a little above this."""

_PI_NOW = {0: "under-voltage", 1: "its clock is capped", 2: "it is throttled", 3: "it is close to its heat limit"}
"""Bits of what a Raspberry Pi's firmware reports about this moment."""


@dataclass(frozen=True, slots=True)
class Sensors:
    """What was read; None and empty where the system does not tell."""

    celsius: float | None
    """Of the hottest place."""
    watts: float | None
    """Drawn by the whole machine or its processor."""
    power: str
    """Where the current comes from, or the power mode."""
    slowed: tuple[str, ...]
    """What slows the processor down now, in words."""


def read_sensors(root: Path = ROOT) -> Sensors:
    """Read everything there is."""
    return Sensors(_hottest(root), _drawn(root), _supply(root), tuple(_slowed(root)))


def _hottest(root: Path) -> float | None:
    zones = (_number(zone / "temp") for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*")))
    chips = (_number(chip) for chip in sorted((root / "sys/class/hwmon").glob("hwmon*/temp*_input")))
    read = [value / 1000 for value in (*zones, *chips) if value is not None]
    return max((value for value in read if 0 < value < 150), default=None)  # a zone that is off reads as nonsense


def _drawn(root: Path) -> float | None:
    """Return the largest of what the sensors say: one of them sees the machine's input."""
    found = [microwatts / 1e6 for microwatts in _numbers(root, "hwmon*/power*_input", "hwmon*/power*_average")]
    for volts in (root / "sys/class/hwmon").glob("hwmon*/in*_input"):  # a Jetson's INA3221: volts and amperes
        amperes = _number(volts.with_name(volts.name.replace("in", "curr", 1)))
        millivolts = _number(volts)
        if amperes is not None and millivolts is not None:
            found.append(amperes * millivolts / 1e6)
    for supply in (root / "sys/class/power_supply").glob("*"):
        microwatts = _number(supply / "power_now")
        if microwatts is not None and _text(supply / "status") == "Discharging":
            found.append(microwatts / 1e6)
    return max((watts for watts in found if watts > 0), default=None)


def _supply(root: Path) -> str:
    supplies = sorted((root / "sys/class/power_supply").glob("*"))
    for supply in supplies:
        if _text(supply / "type") == "Battery" and _text(supply / "status") == "Discharging":
            level = _number(supply / "capacity")
            return "on battery" if level is None else f"on battery, {level} %"
    if any(_text(supply / "type") == "Mains" and _number(supply / "online") == 1 for supply in supplies):
        return "on mains power"
    return ""


def _slowed(root: Path) -> Iterator[str]:
    """Say what slows the processor down now; counters of the past are no reason."""
    policies = sorted((root / "sys/devices/system/cpu/cpufreq").glob("policy*"))
    for policy in policies:
        cap, most = _number(policy / "scaling_max_freq"), _number(policy / "cpuinfo_max_freq")
        if cap and most and cap * 100 < most * 95:
            yield f"its clock is capped at {cap / 1e6:.1f} of {most / 1e6:.1f} GHz"
            break
    if any(_text(policy / "scaling_governor") == "powersave" and _is_plain(policy) for policy in policies):
        yield "the power-saving governor keeps its clock low"
    for device in sorted((root / "sys/class/thermal").glob("cooling_device*")):
        kind, state = _text(device / "type"), _number(device / "cur_state")
        if state and kind.lower().startswith(("processor", "cpu", "thermal-cpufreq", "gpu")):
            yield f"cooling by {kind} is on"
            break
    firmware = _text(root / "sys/devices/platform/soc/soc:firmware/get_throttled")
    try:
        bits = int(firmware, 16) if firmware else 0
    except ValueError:
        bits = 0
    yield from (words for bit, words in _PI_NOW.items() if bits >> bit & 1)


def _is_plain(policy: Path) -> bool:
    """Tell whether `powersave` means the lowest clock: drivers with a mind of their own call their ordinary mode so."""
    return _text(policy / "scaling_driver") not in ("intel_pstate", "amd-pstate-epp", "amd_pstate_epp")


def _numbers(root: Path, *patterns: str) -> Iterator[int]:
    for pattern in patterns:
        for path in (root / "sys/class/hwmon").glob(pattern):
            value = _number(path)
            if value is not None:
                yield value


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.lstrip("-").isdigit() else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
