"""Prints the table of docs/derivatives.md: which derivatives of PyTorch's normalizations are right, by every pattern.

    python3 docs/frameworks/derivatives_of_operations.py [path of sharpflow]

Each operation is a module by itself, on random numbers in double precision, under the loss mean((tanh(output) − target)²). A number is the relative
error of the derivative.
"""

import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from sharpflow_pytorch import export, probe

warnings.simplefilter("ignore")


class Operation(nn.Module):
    """An operation on a parameter of its own. The inputs are added, so that they are used."""

    def __init__(self, shape, operation):
        super().__init__()
        self.x = nn.Parameter(torch.randn(shape))
        self.operation = operation

    def forward(self, inputs):
        return self.operation(self.x + inputs)


class Normalize(nn.Module):
    def forward(self, x):
        return F.normalize(x, dim=1)


def loss(output, targets):
    difference = torch.tanh(output) - targets
    return (difference * difference).mean()


def affine(norm):
    """A normalization with weights and biases that are not those of its initialization."""
    with torch.no_grad():
        for parameter in norm.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    return norm


def operations():
    rows, images = (5, 4), (3, 2, 2, 2)
    yield "batch_norm, plain", rows, nn.BatchNorm1d(4, affine=False)
    yield "batch_norm", rows, affine(nn.BatchNorm1d(4))
    yield "batch_norm 2d", images, affine(nn.BatchNorm2d(2))
    yield "layer_norm, plain", rows, nn.LayerNorm(4, elementwise_affine=False)
    yield "layer_norm", rows, affine(nn.LayerNorm(4))
    yield "group_norm", rows, affine(nn.GroupNorm(2, 4))
    yield "instance_norm", images, affine(nn.InstanceNorm2d(2, affine=True))
    yield "rms_norm", rows, affine(nn.RMSNorm(4, eps=1e-6))
    yield "F.normalize", rows, Normalize()
    yield "weight_norm", rows, affine(weight_norm(nn.Linear(4, 3)))


def main():
    sharpflow = sys.argv[1] if len(sys.argv) > 1 else "sharpflow"
    torch.manual_seed(0)
    columns, cells = [], {}
    with tempfile.TemporaryDirectory() as folder:
        for name, shape, operation in operations():
            module = Operation(shape, operation)
            inputs = torch.randn(shape)
            targets = torch.randn(module(inputs).shape)
            paths = [str(Path(folder) / part) for part in ("network", "values")]
            export(module, inputs, targets, loss, paths[0])
            probe(module, inputs, targets, loss, paths[1])
            command = [sharpflow, "check-derivatives", f"{paths[0]}.toml", f"{paths[1]}.npz", "--json"]
            found = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
            columns.append(name)
            for pattern in found["patterns"]:
                cells.setdefault((pattern["order"], pattern["pattern"]), {})[name] = pattern
    framework = found["framework"]
    print(f"Made with {framework}, by sharpflow {found['provenance']['version']}.")
    for order, title in ((1, "∇L"), (2, "∇²L v"), (3, "∇³L[v, v]")):
        print(f"\n### {title}\n\n| pattern | " + " | ".join(columns) + " |\n|" + " --- |" * (len(columns) + 1))
        for (of_order, pattern), row in cells.items():
            if of_order == order:
                said = [row.get(name, {"answer": "–"}) for name in columns]
                texts = [f"**{one['error']:.2g}**" if one["answer"] == "wrong" else one["answer"] for one in said]
                print(f"| {pattern} | " + " | ".join(texts) + " |")


if __name__ == "__main__":
    main()
