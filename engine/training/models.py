"""The starter's architecture: the published pipeline's own classes, small enough for a git repository.

Knows sizes and classes only; nothing of scenes, captions or training.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, ZImagePipeline, ZImageTransformer2DModel
from transformers import Qwen2Tokenizer, Qwen3Config, Qwen3Model

TEXT_WIDTH = 128
TEXT_LAYERS = 4  # the pipeline reads hidden_states[-2], so the last one is never used: three that work
DIT_WIDTH = 192
DIT_LAYERS = 6
DIT_HEADS = 4
DIT_AXES = (16, 16, 16)  # sums to the head dimension, 192 / 4
SHIFT = 3.0  # of the published scheduler

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
# Shorter than Qwen's own: captions then fit the 32 tokens to which the transformer pads them anyway.
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['content'] }}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>{% endif %}"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """The five components of a ZImagePipeline."""

    transformer: ZImageTransformer2DModel
    text_encoder: Qwen3Model
    tokenizer: Qwen2Tokenizer
    vae: AutoencoderKL
    scheduler: FlowMatchEulerDiscreteScheduler

    def pipeline(self) -> ZImagePipeline:
        """The bare published pipeline over these components."""
        return ZImagePipeline(
            scheduler=self.scheduler,
            vae=self.vae,
            text_encoder=self.text_encoder,
            tokenizer=self.tokenizer,  # pyright: ignore[reportArgumentType]
            transformer=self.transformer,
        )


def build(tokenizer: Qwen2Tokenizer, *, seed: int = 0) -> Parts:
    """All components with fresh random weights, fp32."""
    torch.manual_seed(seed)
    return Parts(
        transformer=build_transformer(),
        text_encoder=build_text_encoder(tokenizer),
        tokenizer=tokenizer,
        vae=build_vae(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=SHIFT),
    )


def build_transformer() -> ZImageTransformer2DModel:
    """The denoiser, about 5.1 M parameters."""
    model = ZImageTransformer2DModel(
        all_patch_size=(2,),
        all_f_patch_size=(1,),
        in_channels=16,
        dim=DIT_WIDTH,
        n_layers=DIT_LAYERS,
        n_refiner_layers=1,
        n_heads=DIT_HEADS,
        n_kv_heads=DIT_HEADS,
        cap_feat_dim=TEXT_WIDTH,
        axes_dims=list(DIT_AXES),
        axes_lens=[1536, 512, 512],
    )
    for block in [*model.noise_refiner, *model.layers]:
        _soft_gates(block)
    final: Any = model.all_final_layer["2-1"]
    torch.nn.init.zeros_(final.linear.weight)
    torch.nn.init.zeros_(final.linear.bias)
    torch.nn.init.normal_(model.cap_pad_token, std=0.02)
    torch.nn.init.normal_(model.x_pad_token, std=0.02)
    return model


def _soft_gates(block: Any) -> None:
    """Scale 0 and gate tanh(0.5): every block starts as a mild residual that does not depend on the time."""
    modulation = block.adaLN_modulation[0]
    torch.nn.init.zeros_(modulation.weight)
    with torch.no_grad():
        scale, gate = torch.zeros(DIT_WIDTH), torch.full((DIT_WIDTH,), 0.5)
        modulation.bias.copy_(torch.cat([scale, gate, scale, gate]))


def deepened(model: ZImageTransformer2DModel, layers: int) -> ZImageTransformer2DModel:
    """The same function in `layers` layers: copies between the old ones, closed until training opens their gates."""
    sources = [number * len(model.layers) // layers for number in range(layers)]
    state = {name: value for name, value in model.state_dict().items() if not name.startswith("layers.")}
    for number, source in enumerate(sources):
        is_copy = number > 0 and source == sources[number - 1]
        for name, value in model.layers[source].state_dict().items():
            closed = is_copy and name.startswith("adaLN_modulation")
            state[f"layers.{number}.{name}"] = torch.zeros_like(value) if closed else value
    deep = alike(model, n_layers=layers)
    deep.load_state_dict(state)
    return deep


def alike(model: ZImageTransformer2DModel, **changed: int) -> ZImageTransformer2DModel:
    """A model of the same configuration but for what is `changed`, with fresh weights."""
    made = ZImageTransformer2DModel.from_config({**model.config, **changed})
    assert isinstance(made, ZImageTransformer2DModel)
    return made


def build_text_encoder(tokenizer: Qwen2Tokenizer) -> Qwen3Model:
    """A small causal Qwen3, about 0.8 M parameters."""
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=TEXT_WIDTH,
        intermediate_size=256,
        num_hidden_layers=TEXT_LAYERS,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=2048,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        tie_word_embeddings=True,
        use_cache=False,
        bos_token_id=None,
        eos_token_id=tokenizer.convert_tokens_to_ids("<|im_end|>"),  # pyright: ignore[reportArgumentType]
        pad_token_id=tokenizer.convert_tokens_to_ids("<|endoftext|>"),  # pyright: ignore[reportArgumentType]
    )
    return Qwen3Model(config)


def build_vae() -> AutoencoderKL:
    """Factor 8, 16 latent channels, about 1.5 M parameters."""
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 4,  # pyright: ignore[reportArgumentType]
        up_block_types=("UpDecoderBlock2D",) * 4,  # pyright: ignore[reportArgumentType]
        block_out_channels=(16, 32, 64, 96),  # pyright: ignore[reportArgumentType]
        layers_per_block=1,
        latent_channels=16,
        norm_num_groups=8,
        sample_size=256,
        scaling_factor=0.3611,
        shift_factor=0.1159,
        use_quant_conv=False,
        use_post_quant_conv=False,
        mid_block_add_attention=False,
    )


def build_tokenizer(vocab: dict[str, int], merges: list[tuple[str, str]]) -> Qwen2Tokenizer:
    """A byte-level BPE tokenizer with the special tokens and the chat template that the pipeline uses."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tokenizer = Qwen2Tokenizer(
            vocab=vocab,
            merges=merges,  # pyright: ignore[reportArgumentType]
            eos_token="<|im_end|>",
            pad_token="<|endoftext|>",
            unk_token="<|endoftext|>",
            extra_special_tokens=["<|im_start|>"],
        )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def byte_vocabulary() -> dict[str, int]:
    """The 256 byte symbols of byte-level BPE."""
    from tokenizers.pre_tokenizers import ByteLevel

    return {symbol: index for index, symbol in enumerate(sorted(ByteLevel.alphabet()))}
