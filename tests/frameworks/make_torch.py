"""Writes the networks torch_*.toml, their numbers and the derivatives that PyTorch computes of them, by docs/frameworks/sharpflow_pytorch.py.

    pip install torch==2.15.0
    python3 tests/frameworks/make_torch.py

Each module is trained a little first, so that its weights are none of an initialization.
"""

import sys
import warnings
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "docs/frameworks"))
from sharpflow_pytorch import export, probe  # noqa: E402

warnings.simplefilter("ignore")


class Block(nn.Module):
    """A transformer of one block, with a causal mask."""

    def __init__(self, tokens=5, depth=4, heads=2):
        super().__init__()
        self.heads = heads
        self.embedding = nn.Embedding(tokens, depth)
        self.first, self.second = nn.LayerNorm(depth), nn.RMSNorm(depth, eps=1e-6)
        self.queries_keys_values = nn.Linear(depth, 3 * depth, bias=False)
        self.out = nn.Linear(depth, depth)
        self.up, self.down = nn.Linear(depth, depth), nn.Linear(depth, depth)
        self.head = nn.Linear(depth, tokens, bias=False)

    def forward(self, tokens):
        x = self.embedding(tokens)
        batch, length, depth = x.shape
        parts = self.queries_keys_values(self.first(x)).chunk(3, -1)
        q, k, v = (part.view(batch, length, self.heads, depth // self.heads).transpose(1, 2) for part in parts)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, depth))
        x = x + self.down(F.gelu(self.up(self.second(x)), approximate="tanh"))
        return self.head(x)


class Images(nn.Module):
    """Convolutions with batch and group norm, groups, strides and both kinds of pools."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 2, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(2)
        self.second = nn.Conv2d(2, 4, 2, stride=2, groups=2)
        self.groups = nn.GroupNorm(2, 4)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.norm(self.first(x))), 2, 1)
        x = F.silu(self.groups(self.second(x)))
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


class Instances(nn.Module):
    """Rows of length 1, then instance norm."""

    def __init__(self):
        super().__init__()
        self.first, self.norm, self.second = nn.Linear(3, 6), nn.InstanceNorm1d(3, affine=True), nn.Linear(6, 2)

    def forward(self, x):
        x = F.normalize(self.first(x), dim=-1)
        return self.second(torch.tanh(self.norm(x.view(-1, 3, 2)).flatten(1)))


def trained(module, inputs, targets, loss):
    optimizer = torch.optim.SGD(module.parameters(), lr=0.05)
    for _ in range(20):
        optimizer.zero_grad()
        loss(module(inputs), targets).backward()
        optimizer.step()


def main():
    torch.manual_seed(0)
    tokens = torch.randint(0, 5, (2, 4))
    next_token = lambda logits, targets: F.cross_entropy(logits.flatten(0, 1), targets.flatten())
    batch_norm = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 1))
    scaled = nn.Sequential(weight_norm(nn.Linear(4, 5)), nn.Tanh(), weight_norm(nn.Linear(5, 1)))
    # PyTorch's batch norm needs a positive ε, its layer norm does not.
    normal = lambda width: nn.LayerNorm(width, eps=0.0, elementwise_affine=False)
    invariant = nn.Sequential(nn.Linear(4, 5, bias=False), normal(5), nn.Tanh(), nn.Linear(5, 3, bias=False), normal(3))
    modules = {
        "batch_norm": (batch_norm, torch.randn(6, 4), torch.randn(6, 1), F.mse_loss),
        "weight_norm": (scaled, torch.randn(6, 4), torch.randn(6, 1), F.mse_loss),
        "invariant": (invariant, torch.randn(4, 4), normal(3)(torch.randn(4, 3)), F.mse_loss),
        "transformer": (Block(), tokens, tokens.roll(-1, 1), next_token),
        "images": (Images(), torch.randn(3, 1, 6, 6), torch.tensor([0, 2, 1]), F.cross_entropy),
        "instances": (Instances(), torch.randn(5, 3), torch.randn(5, 2), F.mse_loss),
    }
    for name, (module, inputs, targets, loss) in modules.items():
        trained(module, inputs, targets, loss)
        export(module, inputs, targets, loss, HERE / f"torch_{name}")
        probe(module, inputs, targets, loss, HERE / f"torch_{name}_values")


if __name__ == "__main__":
    main()
