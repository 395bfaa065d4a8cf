"""Parts of a model as people share them: single files in ComfyUI's layouts, fp8, and GGUF, from real modules."""

from __future__ import annotations

import json
import re
from pathlib import Path

import torch
from safetensors.torch import save_file

Tensors = dict[str, torch.Tensor]
FP8 = torch.float8_e4m3fn

LLAMA_CPP = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm", "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip


def weights_of(module: torch.nn.Module) -> Tensors:
    return {name: value.detach().clone().contiguous() for name, value in module.state_dict().items()}


def save(weights: Tensors, file: Path, header: dict[str, str] | None = None) -> Path:
    save_file({name: value.contiguous() for name, value in weights.items()}, file, header)
    return file


def prefixed(weights: Tensors, prefix: str) -> Tensors:
    return {prefix + name: value for name, value in weights.items()}


def comfy_transformer(weights: Tensors) -> Tensors:
    """ComfyUI's names: query, key and value in one matrix; some files have a norm that nobody uses."""
    named: Tensors = {"norm_final.weight": torch.ones(4)}
    for name, value in weights.items():
        name = name.replace("all_final_layer.2-1.", "final_layer.").replace("all_x_embedder.2-1.", "x_embedder.")
        name = name.replace(".attention.to_out.0.", ".attention.out.")
        name = re.sub(r"\.attention\.norm_([qk])\.", r".attention.\1_norm.", name)
        if ".to_q." in name:
            others = [weights[name.replace(".to_q.", f".to_{letter}.")] for letter in "kv"]
            named[name.replace(".to_q.", ".qkv.")] = torch.cat([value, *others])
        elif ".to_k." not in name and ".to_v." not in name:
            named[name] = value
    return named


def raw_fp8(weights: Tensors) -> Tensors:
    """Every matrix cast to one byte, as some fine-tunes are shared."""
    return {name: value.to(FP8) if value.dim() == 2 else value for name, value in weights.items()}


def scaled_fp8(weights: Tensors, *, ending: str = "weight_scale", note: str | None = "float8_e4m3fn") -> Tensors:
    """ComfyUI's way: each matrix over its largest number, the factor beside it, and a note."""
    stored: Tensors = {}
    for name, value in weights.items():
        if value.dim() != 2 or not name.startswith(("layers", "model.layers")):
            stored[name] = value
            continue
        stem, scale = name.removesuffix(".weight"), value.abs().max() / 448
        stored[name], stored[f"{stem}.{ending}"] = (value / scale).to(FP8), scale
        if note is not None:
            stored[f"{stem}.comfy_quant"] = torch.tensor(list(json.dumps({"format": note}).encode()), dtype=torch.uint8)
    return stored


def block_fp8(weights: Tensors, *, block: int = 128) -> Tensors:
    """As Qwen publishes its encoders: a factor for each block of 128 x 128 weights, the last ones smaller."""
    stored: Tensors = {}
    for name, value in weights.items():
        if not _in_layer(name, value):
            stored[name] = value
            continue
        scales = torch.tensor(
            [[float(tile.abs().max()) / 448 for tile in rows.split(block, dim=1)] for rows in value.split(block)]
        )
        spread = scales.repeat_interleave(block, 0).repeat_interleave(block, 1)[: value.shape[0], : value.shape[1]]
        stored[name], stored[f"{name}_scale_inv"] = (value / spread).to(FP8), scales
    return stored


def int8(weights: Tensors, *, turned: int = 0, note: bool = True) -> Tensors:
    """ComfyUI's `int8_tensorwise`, a factor for each row; with ConvRot its columns are turned in groups first."""
    stored: Tensors = {}
    for name, value in weights.items():
        if not _in_layer(name, value) or (turned and value.shape[1] % turned):
            stored[name] = value
            continue
        stem = name.removesuffix(".weight")
        if turned:
            value = (value.unflatten(1, (-1, turned)) @ hadamard(turned).T).flatten(1)
        scale = value.abs().amax(1) / 127
        stored[name], stored[f"{stem}.weight_scale"] = (value / scale[:, None]).round().to(torch.int8), scale
        if note:
            stored[f"{stem}.comfy_quant"] = torch.tensor(
                list(json.dumps(int8_note(turned)).encode()), dtype=torch.uint8
            )
    return stored


def int8_note(turned: int) -> dict[str, object]:
    rotation: dict[str, object] = {"convrot": True, "convrot_groupsize": turned} if turned else {}
    return {"format": "int8_tensorwise", **rotation}


def hadamard(size: int) -> torch.Tensor:
    """Regular and orthonormal, written by its digits: minus a half for each pair of base-4 digits that sum to 3."""
    numbers = torch.arange(size)
    signs = torch.ones(size, size)
    while bool(numbers.any()):
        signs *= 1 - 2.0 * ((numbers[:, None] % 4 + numbers[None] % 4) == 3)
        numbers = numbers // 4
    return signs / size**0.5


def _in_layer(name: str, value: torch.Tensor) -> bool:
    return value.dim() == 2 and re.match(r"(model\.(diffusion_model\.)?)?layers\.", name) is not None


def ae(weights: Tensors) -> Tensors:
    """The VAE as in `ae.safetensors`: the names of the first latent diffusion code, its attention as 1x1 kernels."""
    named: Tensors = {}
    for name, value in weights.items():
        old = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
        old = re.sub(r"down_blocks\.(\d)\.resnets\.", r"down.\1.block.", old)
        old = re.sub(r"up_blocks\.(\d)\.resnets\.", lambda m: f"up.{3 - int(m[1])}.block.", old)
        old = re.sub(r"down_blocks\.(\d)\.downsamplers\.0\.", r"down.\1.downsample.", old)
        old = re.sub(r"up_blocks\.(\d)\.upsamplers\.0\.", lambda m: f"up.{3 - int(m[1])}.upsample.", old)
        old = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", old)
        if "mid_block.attentions.0." in old:
            old = old.replace("mid_block.attentions.0.", "mid.attn_1.").replace("to_out.0", "proj_out")
            old = re.sub(r"to_([qkv])", r"\1", old).replace("group_norm", "norm")
            value = value[:, :, None, None] if value.dim() == 2 else value
        named[old] = value
    return named


def llama_cpp(weights: Tensors) -> Tensors:
    """A text encoder's names in GGUF files."""
    named: Tensors = {}
    for name, value in weights.items():
        if match := re.fullmatch(r"layers\.(\d+)\.(.+)\.(weight|bias)", name):
            named[f"blk.{match[1]}.{LLAMA_CPP[match[2]]}.{match[3]}"] = value
        else:
            named[{"embed_tokens.weight": "token_embd.weight", "norm.weight": "output_norm.weight"}[name]] = value
    return named


def save_gguf(weights: Tensors, file: Path, kind: str = "Q8_0", *, flat_pads: bool = False) -> Path:
    """Matrices whose rows are whole blocks in this format, other matrices in F16, the rest in F32."""
    import gguf

    quantised = gguf.GGMLQuantizationType[kind]
    block, _ = gguf.GGML_QUANT_SIZES[quantised]
    writer = gguf.GGUFWriter(file, "lumina2")
    for name, value in weights.items():
        numbers = value.float().numpy()
        if flat_pads and name.endswith("pad_token"):
            numbers = numbers.reshape(-1)
        if numbers.ndim == 2 and numbers.shape[1] % block == 0 and numbers.shape[0] > 1:
            writer.add_tensor(name, gguf.quants.quantize(numbers, quantised), raw_dtype=quantised)
        elif numbers.ndim == 2 and numbers.shape[0] > 1:
            writer.add_tensor(name, numbers.astype("float16"))
        else:
            writer.add_tensor(name, numbers)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file
