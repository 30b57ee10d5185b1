"""Schemas made at random: of any shape, and of the shapes a grammar holds a call to."""

from __future__ import annotations

from hypothesis import strategies as st

from smol_chat.messages import JsonObject, JsonValue

TEXT = st.text(st.characters(codec="utf-8"), max_size=6)
NAMES = st.sampled_from(["a", "ab", "name", 'say "hi"', "back\\slash", "ä ö", "&x;", "b.c", "$d", "\N{SUN WITH FACE}"])
ODD_NAMES = st.one_of(NAMES, st.sampled_from(["<x>", "a\nb", ""]), TEXT)
SCALARS: st.SearchStrategy[JsonValue] = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**6), 10**6), st.floats(allow_nan=False, allow_infinity=False), TEXT
)
VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=5,
)
PATTERNS = (
    "^[a-z]{2,5}$",
    "^(yes|no)$",
    r"^\d{3}-\d{4}$",
    r"^[^\s\"]+$",
    r'^"\\\w*"$',
    r"^#[0-9a-fA-F]{6}$",
    "^a?b*(?:cd|e[f-h])+.$",
    r"^[\w.-]+@[\w-]+\.[a-z]{2,}$",
    r"^\x41\u00e9-?$",
)
WORDS = (
    "type", "enum", "const", "$ref", "anyOf", "oneOf", "allOf", "not", "if", "properties", "required", "items",
    "prefixItems", "additionalProperties", "patternProperties", "minLength", "maxLength", "pattern", "format",
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "uniqueItems",
    "minProperties", "maxProperties", "$defs", "description", "default",
)  # fmt: skip


def _any_schema(inner: st.SearchStrategy[JsonValue]) -> st.SearchStrategy[JsonValue]:
    types = st.sampled_from(["string", "integer", "number", "boolean", "null", "array", "object", "file"])
    sizes = st.one_of(st.integers(-2, 3000), st.floats(), st.booleans(), st.none())
    named = st.dictionaries(ODD_NAMES, inner, max_size=4)
    listed = st.lists(inner, max_size=3)
    known: dict[str, st.SearchStrategy[JsonValue]] = {
        "type": st.one_of(types, st.lists(types, max_size=3)),
        "enum": st.lists(VALUES, max_size=5),
        "const": VALUES,
        "$ref": st.sampled_from(
            ["#", "#/$defs/a", "#/$defs/b", "#/properties/a", "#/nowhere", "other.json", "#/$defs"]
        ),
        "properties": named,
        "$defs": st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
        "required": st.lists(ODD_NAMES, max_size=3),
        "items": st.one_of(inner, listed),
        "additionalProperties": st.one_of(st.booleans(), inner),
        "pattern": st.one_of(st.sampled_from(PATTERNS), TEXT, TEXT.map(lambda text: f"^{text}$")),
        "format": st.sampled_from(["date", "date-time", "email", "uri", "uuid", "regex"]),
        **{word: listed for word in ("anyOf", "oneOf", "allOf", "prefixItems")},
        **{word: sizes for word in WORDS if word.startswith(("min", "max", "exclusive")) or word == "multipleOf"},
    }
    words = st.lists(st.sampled_from(WORDS), max_size=6, unique=True)
    return words.flatmap(
        lambda chosen: st.fixed_dictionaries(
            {word: st.one_of(known[word], VALUES) if word in known else VALUES for word in chosen}
        )
    )


ANY_SCHEMA: st.SearchStrategy[JsonValue] = st.recursive(
    st.one_of(st.booleans(), _any_schema(st.just({}))), _any_schema, max_leaves=12
)
"""Whatever a stranger's server may call a schema."""


def _ranges(kind: str) -> st.SearchStrategy[JsonObject]:
    numbers: st.SearchStrategy[float] = (
        st.integers(-20_000, 20_000)
        if kind == "integer"
        else st.one_of(st.integers(-50, 50), st.decimals(-1000, 1000, places=3).map(float))
    )

    def bounded(low: float, high: float, exclusive: tuple[bool, bool]) -> JsonObject:
        low, high = min(low, high), max(low, high) + 3
        below, above = (
            ("exclusiveMinimum" if exclusive[0] else "minimum"),
            ("exclusiveMaximum" if exclusive[1] else "maximum"),
        )
        return {"type": kind, below: low, above: high}

    both = st.builds(bounded, numbers, numbers, st.tuples(st.booleans(), st.booleans()))
    one: st.SearchStrategy[JsonObject] = st.builds(
        lambda word, value: {"type": kind, word: value},
        st.sampled_from(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]),
        numbers,
    )
    return st.one_of(both, one)


_LENGTHS = st.tuples(st.integers(0, 8), st.integers(0, 8)).map(sorted)
_LEAVES: st.SearchStrategy[JsonValue] = st.one_of(
    st.sampled_from([{"type": kind} for kind in ("string", "integer", "number", "boolean", "null")]),
    st.sampled_from([{"type": "string", "format": name} for name in ("date", "date-time", "email", "uri")]),
    st.sampled_from([{"type": "string", "pattern": pattern} for pattern in PATTERNS]),
    st.lists(VALUES, min_size=1, max_size=4).map(lambda values: {"enum": values}),
    VALUES.map(lambda value: {"const": value}),
    _LENGTHS.map(lambda sizes: {"type": "string", "minLength": sizes[0], "maxLength": sizes[1]}),
    _ranges("integer"),
    _ranges("number"),
    st.just({"type": ["integer", "null"]}),
    st.just({"$ref": "#/$defs/node"}),
)


def _supported(inner: st.SearchStrategy[JsonValue]) -> st.SearchStrategy[JsonValue]:
    return st.one_of(
        objects(inner),
        st.builds(
            lambda item, sizes: {"type": "array", "items": item, "minItems": sizes[0], "maxItems": sizes[1]},
            inner,
            _LENGTHS.map(lambda sizes: [size // 3 for size in sizes]),
        ),
        st.lists(inner, min_size=1, max_size=3).map(lambda branches: {"anyOf": branches}),
        st.tuples(objects(inner, "left "), objects(inner, "right ")).map(_all_of),
    )


def _all_of(parts: tuple[JsonObject, JsonObject]) -> JsonObject:
    open_parts = [{key: value for key, value in part.items() if key != "additionalProperties"} for part in parts]
    return {"allOf": [*open_parts]}


def objects(inner: st.SearchStrategy[JsonValue], prefix: str = "") -> st.SearchStrategy[JsonObject]:
    """Objects of some properties, a part of them required."""

    def made(properties: dict[str, JsonValue], needed: list[bool]) -> JsonObject:
        required: list[JsonValue] = [name for name, is_needed in zip(properties, needed, strict=False) if is_needed]
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}

    return st.builds(
        made,
        st.dictionaries(NAMES.map(lambda name: prefix + name), inner, min_size=1, max_size=4),
        st.lists(st.booleans(), min_size=4, max_size=4),
    )


NODE: JsonObject = {
    "type": "object",
    "properties": {"value": {"type": "integer"}, "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
    "required": ["value"],
    "additionalProperties": False,
}
"""A schema that contains itself."""

SUPPORTED_SCHEMA: st.SearchStrategy[JsonObject] = objects(st.recursive(_LEAVES, _supported, max_leaves=6)).map(
    lambda schema: {**schema, "$defs": {"node": NODE}}
)
"""Parameters of a tool whose every text by the grammar is a call that fits."""
