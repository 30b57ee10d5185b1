"""Units of measurement as exact factors, for converting between them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Unit:
    """A unit: a quantity of it is `number * factor + offset` of its dimension's own unit."""

    name: str
    dimension: str
    factor: Fraction
    offset: Fraction = Fraction(0)


def find_unit(text: str) -> Unit | None:
    """Return the unit of that name. Case matters only where it tells two apart, as in Mb and MB."""
    name = text.strip().strip("°").strip()
    return _BY_NAME.get(name) or _BY_NAME.get(name.lower())


def _all() -> dict[str, Unit]:
    known: dict[str, Unit] = {}
    for dimension, lines in _TABLE.items():
        for line in lines.strip().splitlines():
            names, _, numbers = line.partition(":")
            factor, _, offset = numbers.partition("+")
            first, *others = names.split()
            unit = Unit(first, dimension, Fraction(factor.strip()), Fraction(offset.strip() or 0))
            for name in (first, *others):
                known[name] = unit
    return known


# Names, the first of which is shown, and how much of the dimension's own unit one is. International definitions.
_TABLE = {
    "length": """
        nm nanometer nanometers nanometre nanometres: 1/1000000000
        µm um micrometer micrometers micrometre micrometres micron microns: 1/1000000
        mm millimeter millimeters millimetre millimetres: 1/1000
        cm centimeter centimeters centimetre centimetres: 1/100
        dm decimeter decimeters decimetre decimetres: 1/10
        m meter meters metre metres: 1
        km kilometer kilometers kilometre kilometres kms: 1000
        inches in inch: 0.0254
        feet ft foot: 0.3048
        yards yd yard: 0.9144
        miles mi mile: 1609.344
        nmi: 1852""",
    "mass": """
        µg ug microgram micrograms: 1/1000000000
        mg milligram milligrams: 1/1000000
        g gram grams gramme grammes: 1/1000
        kg kilogram kilograms kilo kilos kgs: 1
        t tonne tonnes: 1000
        oz ounce ounces: 0.028349523125
        lb lbs pound pounds: 0.45359237
        stone st: 6.35029318""",
    "time": """
        ns nanosecond nanoseconds: 1/1000000000
        µs us microsecond microseconds: 1/1000000
        ms millisecond milliseconds: 1/1000
        seconds s sec secs second: 1
        minutes min mins minute: 60
        hours h hr hrs hour: 3600
        days d day: 86400
        weeks wk week: 604800
        years yr year: 31557600""",
    "data": """
        bit bits b: 1/8
        kbit kb kilobit kilobits: 125
        Mbit Mb megabit megabits: 125000
        Gbit Gb gigabit gigabits: 125000000
        bytes B byte: 1
        kB KB kilobyte kilobytes: 1000
        MB megabyte megabytes: 1000000
        GB gigabyte gigabytes gb: 1000000000
        TB terabyte terabytes tb: 1000000000000
        PB petabyte petabytes pb: 1000000000000000
        KiB kibibyte kibibytes kib: 1024
        MiB mebibyte mebibytes mib: 1048576
        GiB gibibyte gibibytes gib: 1073741824
        TiB tebibyte tebibytes tib: 1099511627776""",
    "temperature": """
        °C C c celsius: 1 + 273.15
        °F F f fahrenheit: 5/9 + 45967/180
        K k kelvin: 1""",
    "volume": """
        ml mL milliliter milliliters millilitre millilitres: 1/1000
        cl centiliter centiliters centilitre centilitres: 1/100
        l L liter liters litre litres: 1
        m3 m³: 1000
        tsp teaspoon teaspoons: 0.00492892159375
        tbsp tablespoon tablespoons: 0.01478676478125
        cups cup: 0.2365882365
        pints pt pint: 0.473176473
        quarts qt quart: 0.946352946
        gallons gal gallon: 3.785411784""",
    "area": """
        cm2 cm²: 1/10000
        m2 m² sqm: 1
        ha hectare hectares: 10000
        km2 km²: 1000000
        ft2 ft² sqft: 0.09290304
        acres acre: 4046.8564224""",
    "speed": """
        m/s mps: 1
        km/h kmh kph: 5/18
        mph mi/h: 0.44704
        knots kn knot: 463/900""",
    "energy": """
        J joule joules: 1
        kJ kj kilojoule kilojoules: 1000
        cal calorie calories: 4.184
        kcal kilocalorie kilocalories: 4184
        Wh wh: 3600
        kWh kwh: 3600000""",
    "angle": """
        degrees deg degree: 1
        turns turn: 360""",
}
_BY_NAME = _all()
