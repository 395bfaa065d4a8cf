"""Begin, step and finish samples over the parts of a diffusers model. Knows no jobs' order, sockets or files.

Every number of a picture depends on its own request and seed alone, never on what shares its forward.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from engine.worker.adapters import controlnet
from engine.worker.adapters.controlnet import ControlNet
from engine.worker.adapters.loras import Loras
from engine.worker.device import memory
from engine.worker.device.acceleration import NATIVE
from engine.worker.device.memory import Device, Policy, Storage
from engine.worker.device.offload import lend_encoder
from engine.worker.edits.super_resolution import SuperResolution
from engine.worker.image.pixels import Pixels
from engine.worker.image.tokens import MULTIPLE
from engine.worker.image.vae import Vae
from engine.worker.loading.loading import LoadingProblem, Parts
from engine.worker.pipeline import detail, flat_pictures, prepare
from engine.worker.pipeline.enhance import writer_of
from engine.worker.pipeline.flat_pictures import FlatPicture
from engine.worker.pipeline.prepare import Preparation
from engine.worker.pipeline.preview import Previews
from engine.worker.pipeline.sample import EnlargedSample, PaintedSample, PendingImage, Sample
from engine.worker.pipeline.text_encoder import Embeddings
from engine.worker.pipeline.transformer import Forward
from engine.worker.scheduling.forward_time import ForwardTime
from engine.worker.scheduling.scheduler import Expected
from protocol.messages import Generate

ROPE_RESERVE = MULTIPLE + 1  # positions of the first axis that padding and the picture itself may take

log = logging.getLogger(__name__)


class Pipeline:
    """A loaded model that paints samples. `attention` is a name of `BACKENDS`, `loras` a folder of files."""

    def __init__(
        self,
        parts: Parts,
        device: Device,
        *,
        attention: str = NATIVE,
        compiled: bool = False,
        loras: Path | None = None,
    ) -> None:
        self.device = device
        self.policy = parts.policy
        self.transformer: Any = parts.transformer
        compiled = compiled and parts.policy.whole and device.torch_device.type == "cuda"
        self._forward = Forward(parts.transformer, device.torch_device, attention=attention, compiled=compiled)
        autoencoder: Any = parts.vae
        self.vae = Vae(autoencoder.to(device.torch_device), aside=parts.policy is Policy.RESIDENT, tile=parts.tile)
        self.embeddings = Embeddings(
            tokenizer=parts.tokenizer,
            encoder=lend_encoder(parts.text_encoder, self.transformer, parts.policy, device),
            limit=min(parts.card.prompt_tokens, self.transformer.config.axes_lens[0] - ROPE_RESERVE),
            device=device.torch_device,
        )
        self._previews = Previews(parts.card, self.vae, device.torch_device)
        self._control: ControlNet | None = None
        self._sharpener: SuperResolution | None = None
        self.loras = Loras(self.transformer, loras, device=device.torch_device, dtype=device.dtype)
        self.shift = parts.shift
        self._preparation = Preparation(parts.card, self.vae, self.embeddings, self.loras, shift=parts.shift)
        self.card = self.loras.on(parts.card)
        self._text_encoder = parts.text_encoder
        self._storage = parts.storage
        self.writer, self.card = writer_of(
            self.card,
            self.embeddings,
            self.policy,
            visits=lambda: self.policy is not Policy.RESIDENT and device.torch_device.type == "cuda",
        )

    def load_controlnet(self, path: Path | None) -> str:
        """Take a ControlNet along, if there is to be one; what is wrong with it in one sentence, or nothing."""
        if path is None:
            return ""
        try:
            self._control = controlnet.load(path, self.transformer, self.vae, self.policy, self.device)
        except LoadingProblem as problem:
            log.error("%s", problem)
            return str(problem)
        self.card = self._control.on(self.card)
        return ""

    def load_upscaler(self, folder: Path | None) -> str:
        """Take a super-resolution model along; what is wrong with it in one sentence, or nothing."""
        if folder is None:
            return ""
        try:
            self._sharpener = SuperResolution(folder, self.device.torch_device)
        except LoadingProblem as problem:
            log.error("%s", problem)
            return str(problem)
        self.card = self._sharpener.on(self.card)
        return ""

    def refresh_loras(self) -> bool:
        """Whether there are other LoRAs than before; the card then names those. May be called beside a forward."""
        changed = self.loras.look()
        if changed:
            self.card = self.loras.on(self.card)
        return changed

    def expected(self, order: Generate) -> list[Expected]:
        """What the pictures of an order will take, as far as the request tells: captions are not encoded yet."""
        return self._preparation.expected(order)

    @property
    def keeping(self) -> str:
        """How the weights are kept, in the words of the settings: where they lie, and how they are stored."""
        packed = () if self._storage is Storage.PLAIN else (self._storage.value,)
        return ", ".join((self.policy.value, *packed))

    @torch.inference_mode()
    def measure(self) -> ForwardTime:
        """How long forwards take, by forwards of noise."""
        return self._forward.measure(self.card.native_pixels // self._preparation.pixels_per_token)

    @torch.inference_mode()
    def begin(self, order: Generate, k: int) -> Sample:
        """Picture k of an order before its first step.

        Raises TooManyTokens, TooLarge, BadSource, BadControl, NothingToPaint, LoraGone, LoraProblem.
        """
        began = time.perf_counter()
        request = order.request
        prepare.check_size(request, self.card)
        if request.is_sharp:
            assert self._sharpener is not None  # else the card does not offer it
            return prepare.enlarged(order, k, self._sharpener, began=began)
        sample = self._preparation.of(order, k, began=began)
        if self._control is not None and request.control is not None:
            sample.guide = sample.guided_by(self._control, request.control)
        sample.spent("encode", began)
        return sample

    @torch.inference_mode()
    def step(self, samples: Sequence[Sample]) -> None:
        """One step of each sample, all in one forward; sizes, captions and times may differ. Of all or of none.

        All have the same LoRAs.
        """
        began = time.perf_counter()
        painted = [sample for sample in samples if isinstance(sample, PaintedSample)]
        if painted:
            self._paint(painted, began)
        for sample in samples:
            if isinstance(sample, EnlargedSample):
                self._enlarge(sample, began)

    def _paint(self, samples: Sequence[PaintedSample], began: float) -> None:
        self.loras.apply(samples[0].lora_set)
        predictions = self._forward.predictions(samples, self._control)
        moved = [sample.stepped(prediction) for sample, prediction in zip(samples, predictions, strict=True)]
        for sample, (latent, estimate) in zip(samples, moved, strict=True):
            sample.latent, sample.estimate = latent, estimate
            sample.position += 1
            if sample.position == sample.steps and sample.detail:
                detail.begin(sample)
            sample.spent("denoise", began)

    def _enlarge(self, sample: EnlargedSample, began: float) -> None:
        """The next tile of a picture; it is alone in its batch."""
        sample.step()
        if self.policy is not Policy.RESIDENT:
            sample.enlargement.rest()
        sample.spent("enlarge", began)

    @torch.inference_mode()
    def start_decoding(self, sample: Sample) -> PendingImage:
        """Begin to turn a sample into pixels after its last step."""
        began = time.perf_counter()
        return PendingImage(sample=sample, pending=sample.decoded(self.vae), began=began)

    @torch.inference_mode()
    def following(self, sample: Sample) -> Sample | None:
        """Under an upscale the sample of the next tile, if there is one. Needs no pixels of this one."""
        return sample.following(self.vae)

    @torch.inference_mode()
    def finish(self, pending: PendingImage) -> Pixels | None:
        """The finished picture; None after a tile that is not the last. Waits for the pixels. Raises FlatPicture."""
        sample = pending.sample
        pixels, finite = pending.pending.wait()
        sample.spent("decode", pending.began)
        if flat_pictures.broken(sample, pixels, finite):
            pixels = self._repaint(sample)
        return sample.finished(pixels)

    def make_room(self) -> None:
        """After a lack of memory: from now on the VAE works in small tiles, and the text encoder visits."""
        self.vae.tile(memory.TILE)
        if self.policy is Policy.RESIDENT and self.device.torch_device.type == "cuda":
            self.policy = Policy.ENCODER_EVICTED
            self.embeddings.encoder = lend_encoder(self._text_encoder, self.transformer, self.policy, self.device)
        memory.release(self.device.torch_device)
        log.warning("out of memory; the policy is %s now, and the VAE works in tiles", self.policy)

    @torch.inference_mode()
    def preview(self, samples: Sequence[Sample]) -> list[Pixels]:
        """How the samples look so far, one pixel per latent position."""
        return [self._previews.of(sample) for sample in samples]

    def _repaint(self, sample: Sample) -> Pixels:
        """Once more from the start in fp32. Raises FlatPicture when that is no better or not possible."""
        if self.device.dtype is torch.float32 or not self.policy.whole or self._storage is not Storage.PLAIN:
            raise FlatPicture
        log.warning("job=%s k=%d came out flat or not finite; painting it again in fp32", sample.job, sample.k)
        memory.wait_for(self.device.torch_device)  # others may be in the VAE, whose weights are about to move
        beside = () if self._control is None else (self._control.net,)  # it has layers of its own
        with flat_pictures.full_precision(self.transformer, *beside, self.vae.model):
            fresh = sample.begun_again(self.begin, self.vae)
            while not fresh.done:
                self.step([fresh])
            pixels, finite = fresh.decoded(self.vae).wait()
            if flat_pictures.broken(sample, pixels, finite):
                raise FlatPicture
        return pixels
