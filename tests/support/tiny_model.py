"""A complete diffusers folder of the published pipeline's classes with tiny random weights, written in a moment."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, ZImagePipeline, ZImageTransformer2DModel
from transformers import Qwen2Tokenizer, Qwen3Config, Qwen3Model

from engine.training.models import build_tokenizer, byte_vocabulary

WIDTH = 64
SIDE = 64  # pixels the VAE calls its own
TEMPLATE = (
    "{% for message in messages %}<|im_start|>user\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write(folder: Path, *, seed: int = 0, siglip: bool = False) -> Path:
    """Save a pipeline with random weights into `folder`; 3 MB."""
    tiny_pipeline(seed=seed, siglip=siglip).save_pretrained(folder)
    return folder


def tiny_pipeline(*, seed: int = 0, siglip: bool = False) -> ZImagePipeline:
    """The bare pipeline in fp32; with `siglip` its transformer has layers for pictures, as Omni's has."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        tokenizer = _tokenizer()
        pipeline = ZImagePipeline(
            scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
            vae=_vae(),
            text_encoder=text_encoder(tokenizer),
            tokenizer=tokenizer,
            transformer=_transformer(siglip=siglip),
        )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _transformer(*, siglip: bool) -> ZImageTransformer2DModel:
    return ZImageTransformer2DModel(
        in_channels=16,
        dim=WIDTH,
        n_layers=2,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=WIDTH,
        siglip_feat_dim=WIDTH if siglip else None,
        axes_dims=[8, 12, 12],
        axes_lens=[1536, 512, 512],
    )


def _vae() -> AutoencoderKL:
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8, 16, 16, 16),
        layers_per_block=1,
        latent_channels=16,
        norm_num_groups=4,
        sample_size=SIDE,
        scaling_factor=0.3611,
        shift_factor=0.1159,
        use_quant_conv=False,
        use_post_quant_conv=False,
    )


def text_encoder(tokenizer: Qwen2Tokenizer) -> Qwen3Model:
    """One of random weights for this vocabulary."""
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=128,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return Qwen3Model(config).eval()


def _tokenizer() -> Qwen2Tokenizer:
    tokenizer = build_tokenizer(byte_vocabulary(), [])
    tokenizer.chat_template = TEMPLATE
    return tokenizer
