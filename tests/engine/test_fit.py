"""What a model will take is known before it is loaded, and one that does not fit is refused with what would."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from smol_chat.engine.fit import (
    Budget,
    KvType,
    Need,
    budget,
    can_quantise_kv,
    largest_context,
    need,
    refusal,
)
from smol_chat.engine.hardware import Cores, Memory
from smol_chat.engine.local import LocalEngine, LocalOptions
from smol_chat.engine.model_facts import ModelFacts, Recurrent, call_form, read_model
from smol_chat.engine.plan import Device, Machine, Plan, Tuned, Wishes, decide, fewer_layers
from smol_chat.engine.probe import ask, exact_need, sizes_in
from smol_chat.errors import EngineError

MIB = 1024 * 1024

FOUR_B = ModelFacts(
    architecture="qwen35",
    title="",
    parameters=4_200_000_000,
    quantisation="Q4_K_M",
    trained_context=262_144,
    layers=32,
    width=2560,
    feed_forward=9216,
    heads=16,
    kv_heads=(4,) * 8,
    key_length=256,
    value_length=256,
    vocabulary=248_320,
    recurrent=Recurrent(24, conv=4, inner=4096, state=128, groups=16),
    weights=2_640_000_000,
    repackable=1_800_000_000,
    call_form="xml",
)
"""The geometry of the 4B hybrid model: eight attention layers, twenty-four gated-delta-net layers."""


def machine(available: int, **other: object) -> Machine:
    made = Machine(Cores(4, "physical cores"), Memory(total=available * 2, available=available))
    return replace(made, **other)  # type: ignore[arg-type]  # fields by name, as the tests name them


def four_b(context: int = 4096, kv_type: KvType = "f16", ubatch: int = 128, *, repack: bool = False) -> Need:
    return need(FOUR_B, context=context, kv_type=kv_type, ubatch=ubatch, repack=repack)


@pytest.mark.parametrize(
    ("context", "kv_type", "mib"),
    [(4096, "f16", 128), (16_384, "f16", 512), (32_768, "f16", 1024), (32_768, "q8_0", 544), (4000, "f16", 128)],
)
def test_only_attention_layers_grow_with_the_context(context: int, kv_type: KvType, mib: int) -> None:
    assert four_b(context, kv_type).kv == mib * MIB


def test_the_recurrent_state_is_the_same_at_any_context() -> None:
    assert four_b(4096).recurrent == four_b(32_768).recurrent == int(50.25 * MIB)


@pytest.mark.parametrize(("ubatch", "mib"), [(16, 16), (64, 63), (128, 126), (256, 252), (512, 507)])
def test_compute_buffers_grow_with_what_is_evaluated_at_once(ubatch: int, mib: int) -> None:
    assert four_b(1024, ubatch=ubatch).compute / MIB == pytest.approx(mib, rel=0.02)


def test_everything_counts() -> None:
    whole = four_b(repack=True)
    assert whole.repack == FOUR_B.repackable
    assert whole.checkpoints == 256 * MIB
    parts = whole.weights + whole.kv + whole.recurrent + whole.compute + whole.repack + whole.checkpoints
    assert whole.total > parts
    plain = replace(FOUR_B, recurrent=None)
    assert need(plain, context=4096, kv_type="f16", ubatch=128, repack=False).checkpoints == 0
    assert four_b().repack == 0


def test_some_memory_is_left_for_other_programs() -> None:
    assert budget(4_000_000_000) == Budget(4_000_000_000, 600_000_000)
    assert budget(64_000_000_000).margin == 1024 * MIB
    assert budget(6_000_000_000, jetson=True).margin == 1536 * MIB
    assert budget(1_000_000_000, jetson=True).usable == 0


def test_the_largest_context_that_fits_is_found() -> None:
    room = Budget(four_b(16_384).total, 0)
    assert largest_context(FOUR_B, room, kv_type="f16", ubatch=128) == 16_384
    assert largest_context(FOUR_B, room, kv_type="q8_0", ubatch=128) == 16_384
    assert largest_context(FOUR_B, Budget(four_b(32_768, "q8_0").total, 0), kv_type="q8_0", ubatch=128) == 32_768
    short = replace(FOUR_B, trained_context=8192)
    assert largest_context(short, Budget(10**12, 0), kv_type="f16", ubatch=128) == 8192
    assert largest_context(FOUR_B, Budget(10**9, 0), kv_type="f16", ubatch=128) == 0


def sentence(available: int, *, context: int = 32_768, kv_type: str = "auto", facts: ModelFacts = FOUR_B) -> str:
    wishes = Wishes(context_size=context, kv_type=kv_type)  # type: ignore[arg-type]  # one of the three
    with pytest.raises(EngineError) as refused:
        decide("four.gguf", facts, machine(available), wishes)
    return refused.value.message


def test_a_model_that_does_not_fit_is_refused_with_numbers_and_what_fits() -> None:
    said = sentence(4_100_000_000)
    assert "needs 6.3 GB" in said  # with repacked weights, as it would have been loaded first
    assert "weights 2.6 GB" in said
    assert "3.5 GB can be used: 4.1 GB are available and 615 MB" in said
    assert said.endswith('It fits with model.context = 4096 or with model.context = 8192, model.kv_type = "q8_0".')


def test_weights_that_do_not_fit_need_a_smaller_file() -> None:
    assert "Choose a quantisation or a model whose file is at most 1." in sentence(2_200_000_000)
    assert "Close other programs, or use a server" in sentence(300_000_000)


def test_what_is_proposed_does_fit() -> None:
    for available in range(3_950_000_000, 4_800_000_000, 150_000_000):
        limit = budget(available)
        said = refusal("four", four_b(131_072), limit, FOUR_B, context=131_072, ubatch=128)
        for way in said.split("It fits with ")[1].split(" or with "):
            size = int(way.split("=")[1].split(",")[0].strip(" ."))
            assert four_b(size, "q8_0" if "q8_0" in way else "f16").total <= limit.usable


def test_keys_and_values_are_quantised_only_where_that_is_what_makes_it_fit() -> None:
    roomy = decide("four", FOUR_B, machine(20_000_000_000), Wishes(context_size=32_768))
    assert (roomy.kv_type, roomy.repack) == ("f16", True)
    tight = decide("four", FOUR_B, machine(4_600_000_000), Wishes(context_size=32_768))
    assert (tight.kv_type, tight.repack) == ("q8_0", False)
    assert decide("four", FOUR_B, machine(20_000_000_000), Wishes(kv_type="q8_0")).kv_type == "q8_0"
    odd = replace(FOUR_B, key_length=100)
    assert not can_quantise_kv(odd)
    assert decide("four", odd, machine(20_000_000_000), Wishes(kv_type="q8_0")).kv_type == "f16"


def test_near_the_limit_the_exact_numbers_decide() -> None:
    asked: list[Plan] = []

    def smaller(plan: Plan) -> Need:
        asked.append(plan)
        return replace(plan.need, compute=0, kv=0, exact=True)

    wishes = Wishes(kv_type="f16")
    limit = four_b().total * 100 // 85 - 20_000_000
    plan = decide("four", FOUR_B, machine(limit, instructions=frozenset({"AVX512"})), wishes, measure=smaller)
    assert plan.need.exact
    assert len(asked) == 1
    with pytest.raises(EngineError):
        decide("four", FOUR_B, machine(limit, instructions=frozenset({"AVX512"})), wishes)
    decide("four", FOUR_B, machine(20_000_000_000), wishes, measure=smaller)
    assert len(asked) == 1  # far from it nobody is asked


def test_a_smaller_context_is_taken_where_that_is_allowed() -> None:
    def shrunk(available: int) -> Plan:
        return decide("four", FOUR_B, machine(available), Wishes(context_size=32_768, may_shrink=True))

    roomy, tight = shrunk(20_000_000_000), shrunk(4_100_000_000)
    assert (roomy.context_size, roomy.kv_type) == (32_768, "f16")
    assert (tight.context_size, tight.kv_type) == (8192, "q8_0")
    assert reasons(roomy)["context"][1] == "chosen for this model, and it fits"
    assert reasons(tight)["context"][1] == "the largest that fits into memory"
    with pytest.raises(EngineError, match="a context of 32,768 tokens needs"):
        shrunk(3_000_000_000)


def reasons(plan: Plan) -> dict[str, tuple[str, str]]:
    return {choice.name: (choice.value, choice.reason) for choice in plan.choices}


def test_every_choice_has_its_reason() -> None:
    said = reasons(decide("four", FOUR_B, machine(20_000_000_000), Wishes()))
    assert list(said) == ["context", "threads", "ubatch", "gpu layers", "kv type", "repack", "flash attention"]
    assert said["threads"] == ("3", "4 physical cores - 1: a busy core would hold up all threads")
    assert all(reason for _, reason in said.values())
    avx = reasons(decide("four", FOUR_B, machine(20_000_000_000, instructions=frozenset({"AVX512"})), Wishes()))
    assert avx["repack"][0] == "off"
    wished = reasons(decide("four", FOUR_B, machine(20_000_000_000), Wishes(threads=2, ubatch=32)))
    assert wished["threads"] == ("2", "as model.threads says")
    assert wished["ubatch"] == ("32", "as model.ubatch says")


def test_what_was_measured_wins_over_the_rule_but_not_over_the_settings() -> None:
    tuned = Tuned(threads=4, ubatch=64, repack=False)
    plan = decide("four", FOUR_B, machine(20_000_000_000), Wishes(), tuned=tuned)
    assert (plan.threads, plan.ubatch, plan.repack) == (4, 64, False)
    assert decide("four", FOUR_B, machine(20_000_000_000), Wishes(threads=1), tuned=tuned).threads == 1


def test_as_many_layers_as_fit_go_to_a_graphics_processor() -> None:
    def plan(free: int, *, shared: bool = False, wish: int | None = None) -> Plan:
        device = Device("GPU", 24_000_000_000, free, shared)
        wishes = Wishes(gpu_layers=wish)
        return decide("four", FOUR_B, machine(16_000_000_000, devices=(device,)), wishes)

    assert plan(20_000_000_000).gpu_layers == 33
    assert plan(20_000_000_000).need.weights == 0
    assert plan(20_000_000_000).ubatch == 512
    some = plan(2_500_000_000)
    assert 0 < some.gpu_layers < 33
    assert 0 < some.need.weights < FOUR_B.weights
    assert plan(100_000_000).gpu_layers == 0
    assert plan(20_000_000_000, shared=True).need.weights == FOUR_B.weights
    assert plan(20_000_000_000, wish=5).gpu_layers == 5
    assert decide("four", FOUR_B, machine(16_000_000_000), Wishes(gpu_layers=99)).gpu_layers == 0


def test_fewer_and_fewer_layers_end_at_none() -> None:
    layers, tried = 33, []
    while layers:
        layers = fewer_layers(layers)
        tried.append(layers)
    assert tried == [22, 14, 9, 6, 4, 2, 0]


def test_the_header_tells_the_geometry(hybrid_model: Path, smol_model: Path) -> None:
    hybrid = read_model(hybrid_model)
    assert (hybrid.architecture, hybrid.layers, hybrid.kv_heads, hybrid.vocabulary) == ("qwen35", 4, (1,), 269)
    assert hybrid.recurrent == Recurrent(3, conv=4, inner=64, state=32, groups=2)
    assert hybrid.call_form == "json"
    smol = read_model(smol_model)
    assert (smol.kv_heads, smol.recurrent, smol.quantisation, smol.call_form) == ((3,) * 30, None, "Q4_1", "none")
    assert smol.parameters == 134_515_008


def test_the_call_form_is_read_off_the_template() -> None:
    assert call_form("{{ messages }}") == "none"
    assert call_form("{% if tools %}<tool_call>{json}") == "json"
    assert call_form("{% if tools %}<function=NAME>") == "xml"


@pytest.mark.parametrize("kv_type", ["f16", "q8_0"])
@pytest.mark.parametrize("model", ["hybrid_model", "smol_model"])
def test_the_estimate_is_what_llama_cpp_allocates(model: str, kv_type: KvType, request: pytest.FixtureRequest) -> None:
    path: Path = request.getfixturevalue(model)
    known = read_model(path)
    wishes = Wishes(context_size=4096, kv_type=kv_type, ubatch=128)
    plan = decide(path.name, known, machine(20_000_000_000), wishes)
    exact = exact_need(path, known, plan)
    assert exact is not None
    # llama.cpp's log has two decimals of a MiB
    assert plan.need.kv == pytest.approx(exact.kv, abs=0.01 * MIB)
    assert plan.need.recurrent == pytest.approx(exact.recurrent, abs=0.01 * MIB)
    assert plan.need.compute == pytest.approx(exact.compute, rel=0.15)
    assert exact.exact


def test_the_log_of_a_model_with_two_kinds_of_attention_is_summed() -> None:
    log = (
        "llama_kv_cache:        CPU KV buffer size =     0.00 MiB\n"
        "llama_kv_cache: size =   10.50 MiB (  4096 cells,   3 layers,  1/1 seqs), K (f16): 5.25 MiB\n"
        "llama_kv_cache: size =    2.00 MiB (   768 cells,  15 layers,  1/1 seqs), K (f16): 1.00 MiB\n"
        "llama_memory_recurrent:        CPU RS buffer size =     0.03 MiB\n"
        "sched_reserve:        CPU compute buffer size =    24.84 MiB\n"
        "~llama_context:        CPU compute buffer size is  24.8400 MiB, matches expectation of  24.8400 MiB\n"
    )
    assert sizes_in(log) == {"kv": int(12.5 * MIB), "recurrent": 0, "compute": int(24.84 * MIB)}


def test_a_file_that_ends_the_process_is_a_sentence(tmp_path: Path) -> None:
    dying = tmp_path / "python"
    dying.write_text("#!/bin/sh\necho 'GGML_ASSERT(oh) failed' >&2\nkill -ABRT $$\n")
    dying.chmod(0o755)
    with pytest.raises(EngineError, match=r"GGML_ASSERT\(oh\) failed"):
        ask("memory", {}, python=str(dying))
    with pytest.raises(EngineError, match="could not be asked"):
        ask("memory", {}, python=str(tmp_path / "none"))


async def test_an_engine_refuses_what_does_not_fit_before_it_loads(hybrid_model: Path, tmp_path: Path) -> None:
    options = LocalOptions(context_size=8192, ubatch=2**40)
    engine = LocalEngine(hybrid_model, options, log_file=tmp_path / "engine.log")
    try:
        with pytest.raises(EngineError, match=r"needs .* of memory .* can be used"):
            await engine.start()
    finally:
        await engine.close()


async def test_the_kept_context_can_be_quantised(hybrid_model: Path, tmp_path: Path) -> None:
    options = LocalOptions(context_size=512, kv_type="q8_0")
    engine = LocalEngine(hybrid_model, options, log_file=tmp_path / "engine.log", name="little:latest")
    try:
        info = await engine.start()
        assert info.detail.endswith("q8_0 context")
        assert info.name == "little:latest"
    finally:
        await engine.close()
