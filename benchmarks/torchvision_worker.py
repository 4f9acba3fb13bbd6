"""torchvision's `maskrcnn_resnet50_fpn` at work, for `torchvision_peer.py` to time.

Runs in whatever interpreter has torchvision, which need have nothing else of ours.
Weights are those that the recipe gives to their names. The backbone's normalizations
are frozen, as they are with published weights.

Shapes: D detections, S side of a mask patch.
"""

import copy
from typing import Any

import numpy as np
import torch
from torch import nn
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.backbone_utils import _resnet_fpn_extractor
from torchvision.models.resnet import resnet50
from torchvision.ops.misc import FrozenBatchNorm2d

from benchmarks.processes import peak_mb, serve
from benchmarks.timing import spent_in
from tests.fixtures.weights_recipe import torch_weight

NUM_CLASSES = 91


class Server:
    """Answers with what torchvision finds and how long it takes."""

    def __init__(self) -> None:
        self.models: dict[str, nn.Module] = {}
        self.image = torch.empty(0)
        self.step: Any = None

    def prepare_detection(self, path: str) -> str:
        """Takes the image of a file, uint8 [H, W, 3]. -> versions"""
        pixels = np.load(path).transpose(2, 0, 1)
        self.image = torch.from_numpy(np.ascontiguousarray(pixels)).float() / 255
        model = build(*self.image.shape[1:]).eval()
        fused = fuse_norms(copy.deepcopy(model)).to(memory_format=torch.channels_last)
        self.models = {"eager": model, "fused": fused, "half": fused}
        threads = torch.get_num_threads()
        return f"torch {torch.__version__}, {threads} threads"

    def detections(self) -> list[list[float]]:
        """[D, 6] (y1, x1, y2, x2, class id, score)"""
        found = self._find("eager")
        boxes = found["boxes"][:, [1, 0, 3, 2]]
        columns = [boxes, found["labels"][:, None], found["scores"][:, None]]
        return torch.cat(columns, dim=1).tolist()

    def detect(self, form: str) -> tuple[float, float]:
        """What it takes to detect, see `spent_in`."""
        # Ours are masks of zeros and ones.
        return spent_in(lambda: self._find(form)["masks"][:, 0] >= 0.5)

    def _find(self, form: str) -> dict[str, torch.Tensor]:
        half = torch.autocast("cpu", torch.bfloat16, enabled=form == "half")
        with torch.inference_mode(), half:
            return self.models[form]([self.image])[0]

    def prepare_training(self, path: str, layers: str, precision: str) -> str:
        """Takes the batch of a file: images, and boxes, labels and masks of each."""
        batch = np.load(path)
        images = torch.from_numpy(batch["images"])
        model = build(*images.shape[2:]).train()
        if layers == "heads":
            model.backbone.body.requires_grad_(False)
        model = model.to(memory_format=torch.channels_last)
        learning = [one for one in model.parameters() if one.requires_grad]
        sgd = torch.optim.SGD(learning, lr=1e-7, momentum=0.9, weight_decay=1e-4)
        half = precision != "float32"

        def step() -> None:
            targets = [
                {
                    name: torch.from_numpy(batch[f"{name}{index}"])
                    for name in ("boxes", "labels", "masks")
                }
                for index in range(len(images))
            ]
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                losses = model(list(images), targets)
            sgd.zero_grad()
            sum(losses.values()).backward()
            sgd.step()

        self.step = step
        return torch.__version__

    def train(self) -> tuple[float, float]:
        """What it takes to take a step, see `spent_in`."""
        return spent_in(self.step)


def build(height: int, width: int) -> nn.Module:
    """The network for images of one shape, which stay as they are."""
    body = resnet50(weights=None, norm_layer=FrozenBatchNorm2d)
    model = MaskRCNN(
        _resnet_fpn_extractor(body, trainable_layers=5),
        NUM_CLASSES,
        min_size=min(height, width),
        max_size=max(height, width),
    )
    state = {
        name: torch.from_numpy(torch_weight(name, tuple(tensor.shape)))
        for name, tensor in model.state_dict().items()
    }
    model.load_state_dict(state)
    return model


def fuse_norms(module: nn.Module) -> nn.Module:
    """Moves each frozen normalization into the convolution before it."""
    before = None
    for name, child in list(module.named_children()):
        if isinstance(child, FrozenBatchNorm2d) and isinstance(before, nn.Conv2d):
            scale = child.weight * (child.running_var + child.eps).rsqrt()
            before.weight = nn.Parameter(before.weight * scale[:, None, None, None])
            before.bias = nn.Parameter(child.bias - child.running_mean * scale)
            setattr(module, name, nn.Identity())
        else:
            fuse_norms(child)
        before = child
    return module


if __name__ == "__main__":
    server = Server()
    serve(
        {
            "prepare_detection": server.prepare_detection,
            "detections": server.detections,
            "detect": server.detect,
            "prepare_training": server.prepare_training,
            "train": server.train,
            "peak_mb": peak_mb,
        }
    )
