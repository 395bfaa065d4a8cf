"""What a GPU makes of the published architecture: the bare pipeline beside our engine in each of its modes, in one run.

    python -m benchmarks.gpu [--budget 480] [--out FOLDER] [--cells a,b] [--tiny]

The weights are random, made on the device. Cells come in the order of their worth, each with a line of JSON of its
own; none begins that the budget would not let end. Bare is `ZImagePipeline` as its page shows it, then Pillow's PNG;
ours is the engine loop with previews and metadata. The floor of a step is what its matrix products would take at the
rate of a large one in bf16. `--tiny` runs all of it on the processor with a miniature.
"""

from __future__ import annotations

import argparse
import faulthandler
import io
import os
import statistics
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import cached_property, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import diffusers
import msgspec
import numpy as np
import torch
from diffusers.models.attention_dispatch import dispatch_attention_fn
from diffusers.models.transformers.transformer_z_image import ZSingleStreamAttnProcessor
from PIL import Image

from benchmarks import cells
from benchmarks.cells import Cell, Figures
from benchmarks.engine_overhead import Engine, png_alone
from benchmarks.random_model import MINIATURE, PUBLISHED, Architecture, Model, made, twin
from engine.metadata.facts import Facts
from engine.metadata.png import facts_chunks
from engine.worker.device import memory, offload
from engine.worker.device.acceleration import NATIVE, compile_blocks
from engine.worker.device.memory import GIB, Device, Policy, Storage, Weights, find_device, wait_for, weight_bytes
from engine.worker.device.offload import settle_transformer
from engine.worker.image import schedule
from engine.worker.image.pixels import encode_png
from engine.worker.loading.loading import Parts
from engine.worker.loading.quantize import in_block, quantize
from engine.worker.pipeline.pipeline import Pipeline
from protocol.card import Z_IMAGE_TURBO
from protocol.messages import Generate
from protocol.request import ImageRequest

ROWS = (1, 2, 4, 8)
NONE = "none"
WORDS = "a lighthouse on a cliff above a stormy sea at dusk, seen from a small boat far below, long exposure, no "


class Bench:
    """The model, and the pipelines over it, each made when it is first asked for."""

    def __init__(self, architecture: Architecture, device: Device, *, rounds: int, backend: str) -> None:
        self.architecture = architecture
        self._backend = backend
        self.device = device
        self.rounds = rounds
        self.cuda = device.torch_device.type == "cuda"
        began = time.perf_counter()
        self.model = made(architecture, device.torch_device, device.dtype)
        wait_for(device.torch_device)
        self.made_s = time.perf_counter() - began
        self.bare = self.model.pipeline()
        self.weights = Weights(
            transformer=weight_bytes(self.model.transformer),
            text_encoder=weight_bytes(self.model.text_encoder),
            vae=weight_bytes(self.model.vae),
        )
        side = architecture.usual
        self.card = msgspec.structs.replace(
            Z_IMAGE_TURBO, shapes={"1:1": (side, side)}, native_pixels=side**2, features=("text",)
        )
        self._precision = torch.get_float32_matmul_precision()
        self._words = 0
        self._bare_pictures: dict[int, bytes] = {}

    @cached_property
    def tflops(self) -> float:
        """Of a large matrix product in the dtype that paints."""
        return self.product_tflops(8192, 8192, 8192) if self.cuda else self.product_tflops(256, 256, 256)

    def product_tflops(self, rows: int, inner: int, columns: int) -> float:
        """Of a matrix product of random numbers."""
        left, right = (
            torch.randn(shape, device=self.device.torch_device, dtype=self.device.dtype)
            for shape in ((rows, inner), (inner, columns))
        )
        return 2e-12 * rows * inner * columns / self.seconds(lambda: left @ right, repeats=30)

    def seconds(self, work: Callable[[], object], *, repeats: int, warm: int = 3) -> float:
        """Median of what `work` takes of the device."""
        for _ in range(warm):
            work()
        if not self.cuda:
            return statistics.median(_timed(work) for _ in range(min(repeats, 3)))
        marks = [torch.cuda.Event(enable_timing=True) for _ in range(repeats + 1)]
        marks[0].record()
        for mark in marks[1:]:
            work()
            mark.record()
        wait_for(self.device.torch_device)
        return statistics.median(a.elapsed_time(b) for a, b in pairwise(marks)) / 1000

    @cached_property
    def plain(self) -> Pipeline:
        return self.pipeline(self.model.transformer)

    @cached_property
    def compiled(self) -> Pipeline:
        return self.pipeline(twin(self.model.transformer), compiled=True)

    def pipeline(
        self,
        transformer: Any,
        *,
        compiled: bool = False,
        attention: str = NATIVE,
        storage: Storage = Storage.PLAIN,
    ) -> Pipeline:
        """Our engine's over a transformer and the shared other parts."""
        parts = self.parts(replace_part(self.model, transformer), Policy.RESIDENT, storage)
        made_here = Pipeline(parts, self.device, attention=attention, compiled=compiled)
        if compiled and not self.cuda and self._backend != NONE:  # the engine compiles for a GPU alone
            compile_blocks(transformer, backend=self._backend)
        return made_here

    def parts(self, model: Model, policy: Policy, storage: Storage = Storage.PLAIN) -> Parts:
        """What the engine's loader would hand over."""
        return Parts(
            transformer=model.transformer,
            text_encoder=model.text_encoder,
            tokenizer=model.tokenizer,
            vae=model.vae,
            shift=schedule.SHIFT,
            card=self.card,
            policy=policy,
            storage=storage,
            tile=self.device.tile(self.weights, policy),
        )

    def request(self, side: int, *, steps: int | None = None) -> ImageRequest:
        """One with a prompt that nobody has had; all prompts are of one length."""
        self._words += 1
        return self.known(side, f"{WORDS}{self._words:04}", steps=steps)

    def known(self, side: int, prompt: str = f"{WORDS}0000", *, steps: int | None = None) -> ImageRequest:
        steps = steps or self.architecture.steps
        return ImageRequest(prompt=prompt, shape="1:1", width=side, height=side, steps=steps, seed=7)

    def paint_bare(self, request: ImageRequest) -> bytes:
        """As the page of the pipeline shows it."""
        painted: Any = self.bare(
            request.prompt,
            width=request.width,
            height=request.height,
            num_inference_steps=request.steps,
            guidance_scale=0.0,
            generator=torch.Generator().manual_seed(request.seed),
        )
        return _pillow(painted.images[0])

    def bare_picture(self, side: int) -> bytes:
        """Of the known request."""
        if side not in self._bare_pictures:
            self._bare_pictures[side] = self.paint_bare(self.known(side))
        return self._bare_pictures[side]

    def settle(self) -> None:
        """After a cell: nothing of it stays. torchao and the attention backend set what holds for the whole process."""
        torch.set_float32_matmul_precision(self._precision)
        set_backend: Any = self.model.transformer.set_attention_backend
        set_backend(NATIVE)
        memory.release(self.device.torch_device)

    # what cells measure

    def start(self) -> Figures:
        """What the machine is and how long it took to come here."""
        return {
            "device": self.device.name,
            "torch": torch.__version__,
            "diffusers": diffusers.__version__,
            "free_gib": _gib(self.device.free),
            "cores": os.cpu_count(),
            "load": round(os.getloadavg()[0], 1),
            "weights_gib": _gib(self.weights.transformer + self.weights.text_encoder + self.weights.vae),
            "caption_tokens": self.plain.embeddings.count(self.known(self.architecture.usual).prompt),
            "weights_made_s": round(self.made_s, 2),
            "since_process_began_s": round(_age(), 1),
        }

    def matmul(self) -> Figures:
        """The reference, and the shapes that the blocks have."""
        dim = self.architecture.transformer["dim"]
        hidden, large = int(dim / 3 * 8), self._tokens(self.architecture.usual)
        small = self._tokens(self.architecture.small)
        shapes = {
            f"{m}x{k}x{n}": (m, k, n) for m in (large, small) for k, n in ((dim, dim), (dim, hidden), (hidden, dim))
        }
        return {"tflops": round(self.tflops, 1)} | {
            name: round(self.product_tflops(*shape), 1) for name, shape in shapes.items()
        }

    def pair(self, ours: Callable[[], Pipeline], side: int, rounds: int) -> Figures:
        """Request to PNG, bare and ours in turns; each round has a prompt of its own, the same on both sides."""
        pictures: dict[str, bytes] = {}
        seconds: dict[str, list[float]] = {"bare": [], "ours": []}
        with closing(Engine(ours())) as engine:

            def by_ours(request: ImageRequest) -> bytes:
                return engine.paint(request)[0]

            sides = {"bare": self.paint_bare, "ours": by_ours}
            first = _timed(lambda: engine.paint(self.request(side)))
            sides["bare"](self.request(side))
            for index in range(rounds):
                request = self.request(side)
                for name in ("bare", "ours") if index % 2 == 0 else ("ours", "bare"):
                    began = time.perf_counter()
                    pictures[name] = sides[name](request)
                    seconds[name].append(time.perf_counter() - began)
            again = [_timed(lambda: engine.paint(request)) for _ in range(2)]
        ratio = statistics.median(o / b for o, b in zip(seconds["ours"], seconds["bare"], strict=True))
        return {
            "side": side,
            "n": rounds,
            **{f"{name}_ms": _ms(statistics.median(all_)) for name, all_ in seconds.items()},
            **{f"{name}_min_ms": _ms(min(all_)) for name, all_ in seconds.items()},
            "ours_known_prompt_ms": _ms(min(again)),
            "ratio": round(ratio, 3),
            "psnr_db": _psnr(pictures["bare"], pictures["ours"]),
            "ours_first_ms": _ms(first),
        }

    def steps(self, ours: Callable[[], Pipeline], sides: Sequence[int]) -> Figures:
        """The engine's own step of one picture beside the floor."""
        return {str(side): self.step(ours(), side) for side in sides}

    def step(self, ours: Pipeline, side: int, rows: int = 1) -> dict[str, float]:
        """Milliseconds of the device for one step of so many pictures, and the share of that which the floor takes."""
        orders = [self._order(self.known(side)) for _ in range(rows)]
        begun = [ours.begin(order, 0) for order in orders]

        steps = self.architecture.steps

        def next_step() -> None:
            for sample in begun:
                sample.position %= steps
            ours.step(begun)

        spent = self.seconds(next_step, repeats=2 * steps if rows == 1 else steps)
        caption = ours.embeddings.count(begun[0].request.prompt)
        floor = self.architecture.step_flops(side, caption, rows) / (1e12 * self.tflops)
        return {"ms": _ms(spent), "ms_a_picture": _ms(spent / rows), "floor_percent": round(100 * floor / spent, 1)}

    def rows(self, ours: Callable[[], Pipeline], sides: Sequence[int]) -> Figures:
        """Steps of several pictures in one forward."""
        return {f"{side} x {rows}": self.step(ours(), side, rows) for side in sides for rows in ROWS}

    def stages(self, sides: Sequence[int]) -> Figures:
        """Where the time of a request goes when each stage waits for the device, and the most memory it takes."""
        found: dict[str, Any] = {}
        for side in sides:
            for name, paint in (("ours", self._our_stages), ("bare", self._bare_stages)):
                runs = [paint(self.request(side)) for _ in range(3)]
                found[f"{name} {side}"] = {key: round(statistics.median(r[key] for r in runs), 2) for key in runs[0]}
        return found | {"computed_gib": _gib(self.weights.footprint(Policy.RESIDENT))}

    def _our_stages(self, request: ImageRequest, ours: Pipeline | None = None) -> dict[str, float]:
        ours = ours or self.plain
        with self._stages() as stage:
            sample = stage("encode", lambda: ours.begin(self._order(request), 0))
            for _ in range(request.steps):
                stage("steps", lambda: ours.step([sample]))
            pixels = stage("decode", lambda: ours.finish(ours.start_decoding(sample)))
            assert pixels is not None
            facts = Facts.of(request, 0, model=self.card.name, composite=False)
            stage("png", lambda: encode_png(pixels, facts_chunks(facts)))
            return stage.spent

    def _bare_stages(self, request: ImageRequest) -> dict[str, float]:
        bare: Any = self.bare
        size = {"width": request.width, "height": request.height, "num_inference_steps": request.steps}
        with self._stages() as stage, torch.no_grad():
            words, _ = stage("encode", lambda: bare.encode_prompt([request.prompt], do_classifier_free_guidance=False))
            latents = stage(
                "steps",
                lambda: bare(prompt_embeds=words, guidance_scale=0.0, output_type="latent", return_dict=False, **size)[
                    0
                ],
            )
            config = bare.vae.config
            latents = latents.to(bare.vae.dtype) / config.scaling_factor + config.shift_factor
            decoded = stage("decode", lambda: bare.vae.decode(latents, return_dict=False)[0])
            picture = stage("to pillow", lambda: bare.image_processor.postprocess(decoded, output_type="pil")[0])
            stage("png", lambda: _pillow(picture))
            return stage.spent

    @contextmanager
    def _stages(self) -> Generator[Stages]:
        """Adds the peak at the end."""
        memory.peak_memory(self.device.torch_device)
        stages = Stages(self.device.torch_device)
        yield stages
        stages.spent["peak_gib"] = _gib(memory.peak_memory(self.device.torch_device))

    def mode(self, make: Callable[[], Pipeline], sides: Sequence[int]) -> Figures:
        """A mode of the engine by itself: its step, a request to PNG, and how near it comes to the bare pipeline."""
        found: dict[str, Any] = {}
        began = time.perf_counter()
        pipeline = make()
        found["made_s"] = round(time.perf_counter() - began, 1)
        with closing(Engine(pipeline)) as engine:
            for side in sides:
                first = _timed(lambda: engine.paint(self.known(side)))  # noqa: B023  called at once
                spent = [_timed(lambda: engine.paint(self.request(side))) for _ in range(3)]  # noqa: B023
                psnr = _psnr(self.bare_picture(side), engine.paint(self.known(side))[0])
                found[str(side)] = {"first_ms": _ms(first), "ours_ms": _ms(statistics.median(spent)), "psnr_db": psnr}
        for side in sides:
            found[str(side)] |= {f"step_{key}": value for key, value in self.step(pipeline, side).items()}
        found["transformer_gib"] = _gib(weight_bytes(pipeline.transformer))
        return found

    def packed(self, storage: Storage) -> Pipeline:
        """Weights in one byte as the engine's loader packs them."""
        transformer = twin(self.model.transformer)
        quantize(transformer, storage)
        return self.pipeline(transformer, storage=storage)

    def fast(self, config: Callable[[], Any]) -> Pipeline:
        """Products in 8 bits, by torchao, compiled: not a mode of the engine."""
        from torchao.quantization import quantize_

        transformer = twin(self.model.transformer)
        wide = self.architecture.transformer["dim"]  # modulation has one row, which such products do not take

        def is_chosen(part: torch.nn.Module, name: str) -> bool:
            return isinstance(part, torch.nn.Linear) and in_block(name) and part.in_features >= wide

        quantize_(transformer, config(), filter_fn=is_chosen)
        transformer.requires_grad_(False)
        return self.pipeline(transformer, compiled=True)

    def turned(self, *, attention: str) -> Pipeline:
        """Positions turned in real numbers, which can be fused, compiled: not a mode of the engine."""
        transformer = twin(self.model.transformer)
        attentions: list[Any] = [part for part in transformer.modules() if hasattr(part, "processor")]
        for part in attentions:
            part.processor = RealRotation()
        return self.pipeline(transformer, compiled=True, attention=attention)

    def static(self) -> Pipeline:
        """Compiled for each size anew: not a mode of the engine."""
        transformer: Any = twin(self.model.transformer)
        pipeline = self.pipeline(transformer)
        if self._backend != NONE:
            transformer.compile_repeated_blocks(fullgraph=True, dynamic=False, backend=self._backend)
        return pipeline

    def backends(self, sides: Sequence[int]) -> Figures:
        """A step with each attention that needs no further package."""
        names = (NATIVE, "cudnn", "_native_flash") if self.cuda else (NATIVE,)
        return {
            name: self.steps(partial(self.pipeline, twin(self.model.transformer), attention=name), sides)
            for name in names
        }

    @torch.inference_mode()
    def graphs(self, modes: Mapping[str, Callable[[], Pipeline]], sides: Sequence[int]) -> Figures:
        """The whole forward as launched, and as a CUDA graph that is replayed. Not a mode of the engine."""
        found: dict[str, Any] = {}
        for side in sides:
            for name, ours in modes.items():
                transformer = ours().transformer
                sample: Any = ours().begin(self._order(self.known(side)), 0)
                latents = [sample.latent.to(transformer.dtype)]
                times = torch.full((1,), 0.5, device=self.device.torch_device)
                words = [sample.conditioning.caption]

                def forward() -> torch.Tensor:
                    return transformer(latents, times, words, return_dict=False)[0][0]  # noqa: B023  called at once

                launched = self.seconds(forward, repeats=10)
                replay = self._captured(forward)
                replayed = self.seconds(replay, repeats=10)
                floor = self.architecture.step_flops(side, len(words[0])) / (1e12 * self.tflops)
                found[f"{name} {side}"] = {
                    "launched_ms": _ms(launched),
                    "replayed_ms": _ms(replayed),
                    "replayed_floor_percent": round(100 * floor / replayed, 1),
                }
        return found

    def _captured(self, forward: Callable[[], torch.Tensor]) -> Callable[[], object]:
        if not self.cuda:
            return forward
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(2):
                forward()
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            forward()
        return graph.replay

    def crowd(self, make: Callable[[], Pipeline], side: int) -> Figures:
        """Eight users at once, pictures a second, beside a bare loop that paints for one after another."""
        pipeline = make()
        began = time.perf_counter()
        forward_time = pipeline.measure()
        measured = time.perf_counter() - began
        with closing(Engine(pipeline, forward_time)) as engine:

            def everybody() -> list[ImageRequest]:
                return [self.request(side) for _ in range(self.architecture.users)]

            engine.paint(*everybody())
            ours = min(_timed(lambda: engine.paint(*everybody())) for _ in range(2))
        users = self.architecture.users
        pictures = users // 2
        bare = _timed(lambda: [self.paint_bare(self.request(side)) for _ in range(pictures)])
        return {
            "side": side,
            "ours_a_second": round(users / ours, 2),
            "bare_a_second": round(pictures / bare, 2),
            "ratio": round(users / ours * bare / pictures, 2),
            "forward_time_ms": {str(load): _ms(seconds) for load, seconds in forward_time.points},
            "measure_s": round(measured, 1),
        }

    def policy(self, policy: Policy) -> Figures:
        """The most memory under a policy, on a card played with just what the policy is computed to take."""
        shared = torch.cuda.memory_allocated() if self.cuda else 0
        computed = self.weights.footprint(policy)
        began = time.perf_counter()
        model = self.model.in_main_memory()
        copied = time.perf_counter()
        device = replace(self.device, free=computed, wanted=policy)
        with _card_of(computed, shared):
            settled: Any = settle_transformer(model.transformer, policy, device)
            pipeline = Pipeline(self.parts(replace_part(model, settled), policy), device)
            settled_s = time.perf_counter() - copied
            first = self._our_stages(self.request(self.architecture.usual, steps=1), pipeline)
            second = self._our_stages(self.request(self.architecture.usual, steps=1), pipeline)
        peak = max(first["peak_gib"], second["peak_gib"]) - shared / GIB
        return {
            "computed_gib": _gib(computed),
            "peak_gib": round(peak, 2),
            "copied_s": round(copied - began, 1),
            "settled_s": round(settled_s, 1),
            "one_step_ms": second,
        }

    def _tokens(self, side: int) -> int:
        return (side // 16) ** 2 + 128

    def _order(self, request: ImageRequest) -> Generate:
        return Generate(job="1", attempt=1, request=request, wanted=(0,))


class Stages:
    """Milliseconds by stage, each waited for."""

    def __init__(self, device: torch.device) -> None:
        self.spent: dict[str, float] = {}
        self._device = device

    def __call__(self, name: str, work: Callable[[], Any]) -> Any:
        """Do it, and add what it takes to a stage."""
        wait_for(self._device)
        began = time.perf_counter()
        result = work()
        wait_for(self._device)
        self.spent[name] = self.spent.get(name, 0.0) + 1000 * (time.perf_counter() - began)
        return result


class RealRotation(ZSingleStreamAttnProcessor):
    """Attention whose positions are turned without complex numbers: inductor fuses those, and no complex ones."""

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        freqs_cis: torch.Tensor | None = None,
    ) -> torch.Tensor:
        assert freqs_cis is not None
        query, key, value = (
            part(hidden_states).unflatten(-1, (attn.heads, -1)) for part in (attn.to_q, attn.to_k, attn.to_v)
        )
        cosine, sine = torch.view_as_real(freqs_cis).unsqueeze(2).unbind(-1)

        def turned(x: torch.Tensor) -> torch.Tensor:
            real, imaginary = x.float().unflatten(-1, (-1, 2)).unbind(-1)
            both = (real * cosine - imaginary * sine, real * sine + imaginary * cosine)
            return torch.stack(both, dim=-1).flatten(3).type_as(x)

        if attention_mask is not None and attention_mask.ndim == 2:
            attention_mask = attention_mask[:, None, None, :]
        attended = dispatch_attention_fn(
            turned(attn.norm_q(query)),
            turned(attn.norm_k(key)),
            value,
            attn_mask=attention_mask,
            backend=self._attention_backend,
        )
        return attn.to_out[0](attended.flatten(2, 3).to(value.dtype))


def cells_of(bench: Bench) -> list[Cell]:
    """All, the most worth first. Their seconds are estimates for an H100."""
    small, usual, large = bench.architecture.small, bench.architecture.usual, bench.architecture.large
    both = (usual, small)

    def plain() -> Pipeline:
        return bench.plain

    def compiled() -> Pipeline:
        return bench.compiled

    def fp8() -> Any:
        from torchao.quantization import Float8DynamicActivationFloat8WeightConfig, PerRow

        return Float8DynamicActivationFloat8WeightConfig(granularity=PerRow(), set_inductor_config=False)

    def int8() -> Any:
        from torchao.quantization import Int8DynamicActivationInt8WeightConfig

        return Int8DynamicActivationInt8WeightConfig(set_inductor_config=False)

    named: dict[str, tuple[float, Callable[[], Figures]]] = {
        "start": (0, bench.start),
        "matmul": (3, bench.matmul),
        "plain-usual": (15, partial(bench.pair, plain, usual, bench.rounds)),
        "plain-small": (8, partial(bench.pair, plain, small, bench.rounds)),
        "plain-steps": (6, partial(bench.steps, plain, both)),
        "stages": (12, partial(bench.stages, both)),
        "compiled-usual": (60, partial(bench.pair, compiled, usual, bench.rounds)),
        "compiled-small": (20, partial(bench.pair, compiled, small, bench.rounds)),
        "compiled-steps": (5, partial(bench.steps, compiled, both)),
        "attention": (8, partial(bench.backends, both)),
        "memory-encoder-evicted": (30, partial(bench.policy, Policy.ENCODER_EVICTED)),
        "crowd-small": (50, partial(bench.crowd, compiled, small)),
        "crowd-usual": (30, partial(bench.crowd, compiled, usual)),
        "graphs": (10, partial(bench.graphs, {"plain": plain, "compiled": compiled}, (small, usual))),
        "cudnn-compiled": (
            40,
            partial(
                bench.mode,
                lambda: bench.pipeline(
                    twin(bench.model.transformer), compiled=True, attention="cudnn" if bench.cuda else NATIVE
                ),
                both,
            ),
        ),
        "real-rotation-compiled": (
            40,
            partial(bench.mode, partial(bench.turned, attention="cudnn" if bench.cuda else NATIVE), both),
        ),
        "fp8-products": (50, partial(bench.mode, partial(bench.fast, fp8), both)),
        "plain-rows": (15, partial(bench.rows, plain, (small, usual))),
        "plain-large": (15, partial(bench.pair, plain, large, 1)),
        "compiled-large": (10, partial(bench.pair, compiled, large, 1)),
        "png": (6, lambda: _png_figures(usual)),
        "static-compiled": (50, partial(bench.mode, bench.static, both)),
        "int8": (15, partial(bench.mode, partial(bench.packed, Storage.INT8), both)),
        "fp8": (15, partial(bench.mode, partial(bench.packed, Storage.FP8), both)),
        "compiled-rows": (15, partial(bench.rows, compiled, (small, usual))),
        "memory-fp8-storage": (15, partial(bench.policy, Policy.FP8_STORAGE)),
        "memory-group-offload": (40, partial(bench.policy, Policy.GROUP_OFFLOAD)),
        "memory-sequential": (40, partial(bench.policy, Policy.SEQUENTIAL)),
        "int8-products": (50, partial(bench.mode, partial(bench.fast, int8), both)),
    }
    return [Cell(name=name, seconds=seconds, measure=measure) for name, (seconds, measure) in named.items()]


def replace_part(model: Model, transformer: Any) -> Model:
    """The same with another transformer."""
    return replace(model, transformer=transformer)


def main(arguments: Sequence[str] | None = None) -> list[Figures]:
    """Measure, print, and return the lines."""
    began = time.monotonic() - _age()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=float, default=480, metavar="SECONDS", help="of the whole process")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="for cells.jsonl")
    parser.add_argument("--cells", default="", metavar="A,B", help="these only, in their order of worth")
    parser.add_argument("--resume", action="store_true", help="without the cells that a crashed run in FOLDER began")
    parser.add_argument("--rounds", type=int, default=4, help="pairs of bare and ours")
    parser.add_argument("--tiny", action="store_true", help="a miniature on the processor")
    parser.add_argument("--backend", choices=("inductor", "eager", NONE), help="what compiles the miniature")
    wanted = parser.parse_args(arguments)
    faulthandler.dump_traceback_later(wanted.budget + 60, exit=True)  # a kernel that hangs takes the rest with it
    if wanted.out is not None:
        wanted.out.mkdir(parents=True, exist_ok=True)
    if wanted.tiny:
        torch.set_num_threads(1)
    device = find_device("cpu" if wanted.tiny else "cuda")
    bench = Bench(
        MINIATURE if wanted.tiny else PUBLISHED,
        device,
        rounds=wanted.rounds,
        backend=(wanted.backend or "eager") if wanted.tiny else "inductor",
    )
    names = [name for name in wanted.cells.split(",") if name]
    done = cells.begun(wanted.out) if wanted.resume and wanted.out is not None else set[str]()
    left = [cell for cell in cells.chosen(cells_of(bench), names) if cell.name not in done]
    lines = cells.run(left, until=began + wanted.budget, folder=wanted.out, after=bench.settle)
    faulthandler.cancel_dump_traceback_later()
    cells.show(lines, f"{device.name}, torch {torch.__version__}, {time.monotonic() - began:.0f} s")
    return lines


@contextmanager
def _card_of(size: int, shared: int) -> Generator[None]:
    """As if the card had so many bytes, of which the weights that lie there for other cells take none."""
    real = offload.free_memory

    def left(device: torch.device) -> int:
        return size - (torch.cuda.memory_allocated(device) - shared)

    offload.free_memory = left
    try:
        yield
    finally:
        offload.free_memory = real


def _png_figures(side: int) -> Figures:
    compared = png_alone(side, 3)
    bare, ours = statistics.median(compared.bare), statistics.median(compared.ours)
    return {"pillow_ms": _ms(bare), "ours_ms": _ms(ours), "ratio": round(compared.ratio, 3)}


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _pillow(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def _psnr(one: bytes, other: bytes) -> float:
    """Decibels between two PNGs; 99 where they are the same."""
    pixels = [np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=np.float64) for data in (one, other)]
    error = float(np.mean((pixels[0] - pixels[1]) ** 2))
    return round(10 * float(np.log10(255**2 / error)), 1) if error else 99.0


def _age() -> float:
    """Seconds since this process began; 0 where that cannot be read."""
    try:
        ticks = int(Path("/proc/self/stat").read_text("ascii").rpartition(")")[2].split()[19])
    except OSError:
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def _gib(size: float) -> float:
    return round(size / GIB, 2)


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 2)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # torch 2.11 may crash while Python ends after torch.compile, and all is said
