"""Records a training run for `sharpflow audit`, in PyTorch, JAX or NumPy. It needs nothing but Python.

    from recorder import Recorder

    with Recorder("run.csv", momentum=True) as recorder:
        for step in range(steps):
            loss, gradients = ...            # of this step's batch
            recorder.row(step, loss, weights, gradients, lr=0.1, weight_decay=5e-4, momentum=0.9, buffers=buffers)
            ...                              # the optimizer's step

`weights`, `gradients` and `buffers` are dictionaries of arrays with the same names, or one array each. A row holds the weights *before* the
optimizer's step and the gradient of the loss itself, without the decay. `buffers` are the optimizer's momentum buffers before the step
(torch: optimizer.state[p]["momentum_buffer"], zeros before the first step). An optimizer that is neither gradient descent nor
heavy-ball momentum is recorded with momentum=None in every row. With groups=True the squares of each name are written too, for 64 names at most.

In PyTorch, hand over p.detach() and p.grad; arrays may stay on their device, and one number of each sum comes back.
"""

import csv

MOST_GROUPS = 64


def _dot(a, b):
    return (a * b).sum()


class Recorder:
    """Writes a row a step. Under momentum it keeps one copy of the weights, to measure the step between two rows."""

    def __init__(self, path, momentum=False, groups=False):
        self.file = open(path, "w", newline="", encoding="utf-8")
        self.writer = csv.writer(self.file)
        self.has_momentum = momentum
        self.has_groups = groups
        self.names = None
        self.kept = None
        self.pending = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def row(self, step, loss, weights, gradients, lr, weight_decay, momentum=0.0, buffers=None, lambda1=None):
        """Records the state before a step; `lambda1` is the largest eigenvalue of the Hessian at the weights, where it was measured."""
        weights, gradients, buffers = (x if isinstance(x, dict) or x is None else {"w": x} for x in (weights, gradients, buffers))
        if self.names is None:
            self._header(list(weights))
        if list(weights) != self.names or any(name not in gradients for name in self.names):
            raise ValueError(f"step {step}: the weights and gradients must have the names {self.names} in every row")
        if self.has_momentum and buffers is None:
            raise ValueError(f"step {step}: a recorder with momentum=True needs the momentum buffers")
        squares = [(_dot(weights[name], weights[name]), _dot(gradients[name], gradients[name])) for name in self.names]
        along = sum(_dot(weights[name], gradients[name]) for name in self.names)
        values = [step, lr, weight_decay, "" if momentum is None else momentum, self._number(loss)]
        values += [self._number(sum(w for w, _ in squares)), self._number(sum(g for _, g in squares)), self._number(along)]
        values.append("" if lambda1 is None else self._number(lambda1))
        if self.has_groups:
            values += [self._number(x) for pair in squares for x in pair]
        self._flush(weights)
        if self.has_momentum:
            remembered = self._number(sum(_dot(weights[name], buffers[name]) for name in self.names))
            # The optimizer may change the weights in place.
            self.kept = {name: weights[name] + 0 for name in self.names}
            self.pending = [*values, remembered]
        else:
            self.writer.writerow(values)

    def close(self):
        """Writes the last row, whose step is not known any more, and closes the file."""
        if self.pending is not None:
            self.writer.writerow([*self.pending, ""])
            self.pending = None
        self.file.close()

    def _header(self, names):
        if self.has_groups and len(names) > MOST_GROUPS:
            raise ValueError(f"{len(names)} groups are more than the {MOST_GROUPS} that are recorded: leave groups out")
        self.names = names
        columns = ["step", "lr", "weight_decay", "momentum", "loss", "w2", "g2", "wg", "lambda1"]
        if self.has_groups:
            columns += [f"{square}_{name}" for name in names for square in ("w2", "g2")]
        self.writer.writerow(columns + (["wm", "dw2"] if self.has_momentum else []))

    def _flush(self, weights):
        if self.pending is not None:
            moved = 0
            for name in self.names:
                difference = weights[name] - self.kept[name]
                moved = moved + _dot(difference, difference)
            self.writer.writerow([*self.pending, self._number(moved)])
            self.pending = None

    @staticmethod
    def _number(value):
        """All digits of a number, whatever holds it."""
        return repr(float(value))
