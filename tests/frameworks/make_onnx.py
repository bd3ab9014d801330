"""Writes the models of the folder onnx by both of PyTorch's exporters, and beside each kind an .npz file with its data, its loss and its derivatives.

    pip install torch==2.15.0 onnx==1.23.0 onnxscript==0.7.2
    python3 tests/frameworks/make_onnx.py

The models batch_norm.* and weight_norm.* are older ones by the same PyTorch; their numbers are JAX's, with normalizations written out.

PyTorch computes the derivatives in double precision, with normalizations written out in plain operations: as they come, some are wrong
(docs/derivatives.md). The newer exporter keeps no batch norm in training mode, so that modules with one are written by the older alone.
"""

import sys
import warnings
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "docs/frameworks"))
sys.path.insert(0, str(HERE))
import sharpflow_pytorch as ours  # noqa: E402
from make_torch import Block, Images, Instances  # noqa: E402

warnings.simplefilter("ignore")


class WrittenOut(nn.Module):
    """RMS norm in plain operations."""

    def __init__(self, width):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.gain


class Modern(nn.Module):
    """A gated layer behind an RMS norm, and parts of an array apart and together again."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Linear(4, 4), WrittenOut(4)
        self.gate, self.up, self.down = (nn.Linear(4, 4, bias=False) for _ in range(3))
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        x = self.first(x)
        x = x + self.down(F.silu(self.gate(self.norm(x))) * self.up(self.norm(x)))
        a, b = torch.split(x, [1, 3], dim=1)
        x = torch.cat([b, F.leaky_relu(a, 0.1)], dim=1) / torch.sqrt(1 + (x**2).mean(1, keepdim=True))
        return self.head(x)


class WithLoss(nn.Module):
    """A module and its loss in one graph."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, inputs, targets):
        return F.cross_entropy(self.module(inputs), targets)


def language(logits, targets):
    return F.cross_entropy(logits.transpose(1, 2), targets)


def derivatives(module, inputs, targets, loss):
    """The loss, ∇L, ∇²L v and ∇³L[v, v] in double precision, a parameter at a time."""
    module = module.double()
    inputs = tuple(x.double() if x.is_floating_point() else x for x in inputs)
    targets = targets.double() if targets.is_floating_point() else targets
    with ours.written_out(set(ours._FUSED)):
        f, w = ours._flat_loss(module, inputs, targets, loss)
        w = w.requires_grad_()
        v = torch.randn(w.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
        value = f(w)
        (gradient,) = torch.autograd.grad(value, w, create_graph=True)
        (second,) = torch.autograd.grad(gradient @ v, w, create_graph=True)
        (third,) = torch.autograd.grad(second @ v, w)
    arrays = {"loss": value}
    for name, vector in dict(param=w, v=v, grad=gradient, hvp=second, third=third).items():
        at = 0
        for parameter, p in module.named_parameters():
            arrays[f"{name}/{parameter}"] = vector[at : at + p.numel()].reshape(p.shape)
            at += p.numel()
    return {name: array.detach().numpy() for name, array in arrays.items()}


def write(name, module, inputs, targets, loss, exporters, opsets=(20,), with_loss=False):
    module.train()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.05)
    for _ in range(20):
        optimizer.zero_grad()
        loss(module(*inputs), targets).backward()
        optimizer.step()
    whole, arguments = (WithLoss(module), (*inputs, targets)) if with_loss else (module, inputs)
    names = ["inputs", "targets"] if with_loss else ["inputs"]
    for exporter in exporters:
        for opset in opsets if exporter == "legacy" else opsets[-1:]:
            end = exporter if opset == opsets[-1] else f"{exporter}_{opset}"
            path = HERE / f"onnx/{name}.{end}.onnx"
            options = dict(dynamo=True, external_data=False) if exporter == "dynamo" else dict(dynamo=False, training=torch.onnx.TrainingMode.TRAINING, do_constant_folding=False)
            torch.onnx.export(whole, arguments, str(path), input_names=names, opset_version=opset, verbose=False, **options)
    found = derivatives(module, inputs, targets, loss)
    np.savez(HERE / f"onnx/{name}.npz", inputs=inputs[0].numpy(), targets=targets.numpy(), **found)


def main():
    torch.manual_seed(3)
    images, labels = torch.randn(4, 1, 6, 6), torch.tensor([0, 2, 1, 1])
    write("images", Images(), (images,), labels, F.cross_entropy, ["legacy"], opsets=(12, 20))
    write("images_loss", Images(), (images,), labels, F.cross_entropy, ["legacy"], with_loss=True)
    tokens = torch.randint(0, 5, (3, 4), generator=torch.Generator().manual_seed(1))
    following = torch.randint(0, 5, (3, 4), generator=torch.Generator().manual_seed(2))
    write("transformer", Block(), (tokens,), following, language, ["dynamo"])
    rows = torch.randn(6, 3)
    write("instances", Instances(), (rows,), torch.randn(6, 2), F.mse_loss, ["legacy", "dynamo"])
    write("modern", Modern(), (torch.randn(6, 4),), torch.randn(6, 2), F.mse_loss, ["legacy", "dynamo"], opsets=(9, 20))


if __name__ == "__main__":
    main()
