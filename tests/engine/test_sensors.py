"""Temperature, power and what slows the processor down are read off the system's own files."""

from __future__ import annotations

from pathlib import Path

from smol_chat.engine.sensors import Sensors, read_sensors


def put(root: Path, path: str, text: object) -> None:
    file = root / "sys" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{text}\n")


def test_a_system_that_tells_nothing_is_no_error(tmp_path: Path) -> None:
    assert read_sensors(tmp_path) == Sensors(None, None, "", ())


def test_the_hottest_place_counts_and_nonsense_does_not(tmp_path: Path) -> None:
    put(tmp_path, "class/thermal/thermal_zone0/temp", 45_500)
    put(tmp_path, "class/thermal/thermal_zone1/temp", 61_250)
    put(tmp_path, "class/thermal/thermal_zone2/temp", -256_000)
    put(tmp_path, "class/thermal/thermal_zone3/temp", "broken")
    put(tmp_path, "class/hwmon/hwmon0/temp1_input", 200_000)
    assert read_sensors(tmp_path).celsius == 61.25


def test_a_jetsons_power_is_volts_times_amperes_of_its_input(tmp_path: Path) -> None:
    for channel, volts, amperes in ((1, 5000, 1400), (2, 5000, 600)):
        put(tmp_path, f"class/hwmon/hwmon1/in{channel}_input", volts)
        put(tmp_path, f"class/hwmon/hwmon1/curr{channel}_input", amperes)
    assert read_sensors(tmp_path).watts == 7.0


def test_a_laptop_on_battery_says_so(tmp_path: Path) -> None:
    battery = "class/power_supply/BAT0/"
    put(tmp_path, battery + "type", "Battery")
    put(tmp_path, battery + "status", "Discharging")
    put(tmp_path, battery + "capacity", 41)
    put(tmp_path, battery + "power_now", 12_300_000)
    put(tmp_path, "class/power_supply/AC/type", "Mains")
    put(tmp_path, "class/power_supply/AC/online", 0)
    found = read_sensors(tmp_path)
    assert (found.power, found.watts) == ("on battery, 41 %", 12.3)
    put(tmp_path, battery + "status", "Charging")
    put(tmp_path, "class/power_supply/AC/online", 1)
    assert read_sensors(tmp_path).power == "on mains power"
    assert read_sensors(tmp_path).watts is None


def test_a_capped_clock_is_told(tmp_path: Path) -> None:
    policy = "devices/system/cpu/cpufreq/policy0/"
    put(tmp_path, policy + "cpuinfo_max_freq", 3_000_000)
    put(tmp_path, policy + "scaling_max_freq", 3_000_000)
    assert read_sensors(tmp_path).slowed == ()
    put(tmp_path, policy + "scaling_max_freq", 1_500_000)
    assert read_sensors(tmp_path).slowed == ("its clock is capped at 1.5 of 3.0 GHz",)


def test_power_saving_counts_where_it_means_the_lowest_clock(tmp_path: Path) -> None:
    policy = "devices/system/cpu/cpufreq/policy0/"
    put(tmp_path, policy + "scaling_governor", "powersave")
    put(tmp_path, policy + "scaling_driver", "intel_pstate")
    assert read_sensors(tmp_path).slowed == ()
    put(tmp_path, policy + "scaling_driver", "acpi-cpufreq")
    assert read_sensors(tmp_path).slowed == ("the power-saving governor keeps its clock low",)


def test_cooling_by_slowing_down_is_told_and_a_fan_is_not(tmp_path: Path) -> None:
    put(tmp_path, "class/thermal/cooling_device0/type", "pwm-fan")
    put(tmp_path, "class/thermal/cooling_device0/cur_state", 3)
    assert read_sensors(tmp_path).slowed == ()
    put(tmp_path, "class/thermal/cooling_device1/type", "cpu-devfreq")
    put(tmp_path, "class/thermal/cooling_device1/cur_state", 2)
    assert read_sensors(tmp_path).slowed == ("cooling by cpu-devfreq is on",)


def test_a_raspberry_pis_firmware_is_heard(tmp_path: Path) -> None:
    put(tmp_path, "devices/platform/soc/soc:firmware/get_throttled", "50005")
    assert read_sensors(tmp_path).slowed == ("under-voltage", "it is throttled")
    put(tmp_path, "devices/platform/soc/soc:firmware/get_throttled", "50000")  # was, is no longer
    assert read_sensors(tmp_path).slowed == ()
    put(tmp_path, "devices/platform/soc/soc:firmware/get_throttled", "oh")
    assert read_sensors(tmp_path).slowed == ()
