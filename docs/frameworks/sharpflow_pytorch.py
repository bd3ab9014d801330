"""Brings a PyTorch module to `sharpflow`. It needs PyTorch (2.5 or later) and nothing else.

    from pytorch import export, probe

    export(module, inputs, targets, torch.nn.functional.mse_loss, "network")   # network.toml and network.npz
    probe(module, inputs, targets, torch.nn.functional.mse_loss, "values")     # values.npz

and then

    sharpflow inspect network.toml
    sharpflow verify --network network.toml
    sharpflow check-derivatives network.toml values.npz

`export` writes the training loss, loss(module(inputs), targets), as a network file: PyTorch's own graph (`torch.export`) of the module as it is,
in training mode if it is in training mode, with its normalizations, their affine weights and their ε. Parameters keep their names
and become groups of weights; those that need no gradient become frozen constants. What depends on no parameter is computed and becomes data. At the end
nothing is left out in silence: an operation that the network file has no words for is an `Unsupported` error with the operation and its place.

`probe` computes derivatives of orders 1 to 3 of the same loss in double precision, by every pattern that PyTorch offers, along one random
direction. `check-derivatives` compares them with exact ones. Where several kinds of operations are known to have wrong derivatives, each pattern
is repeated with one kind as PyTorch has it and all others written out in plain operations, so that the kind that is wrong can be named.
"""

import contextlib
import copy
import inspect
import math
import operator
import struct
import zipfile

import torch
import torch.nn.functional as F
from torch.func import functional_call, grad, hessian, jacfwd, jacrev, jvp, vjp

# ---------------------------------------------------------------------------------------------------------------- files


def _npy(tensor):
    """A tensor as the bytes of a .npy file of doubles."""
    tensor = tensor.detach().to("cpu", torch.float64).contiguous()
    shape = "(" + "".join(f"{size}, " for size in tensor.shape) + ")"
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    values = tensor.reshape(-1).tolist()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + struct.pack(f"<{len(values)}d", *values)


def _write_npz(path, arrays):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, tensor in arrays.items():
            # Without a time the same numbers are the same bytes.
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), _npy(tensor), zipfile.ZIP_DEFLATED)


def _quoted(text):
    """A string as TOML has it."""
    escaped = "".join(c if c >= " " and c not in '"\\\x7f' else f"\\u{ord(c):04x}" for c in str(text))
    return f'"{escaped}"'


def _toml(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    return _quoted(value) if isinstance(value, str) else repr(value)


# -------------------------------------------------------------------------------------------------------------- the graph


class Unsupported(ValueError):
    """A part of a module that a network file cannot say."""


class _Loss(torch.nn.Module):
    """The training loss as a module."""

    def __init__(self, module, loss):
        super().__init__()
        self.module = module
        self.loss = loss

    def forward(self, inputs, targets):
        return self.loss(self.module(*inputs), targets)


def _in_double(module, inputs, targets):
    """Copies in double precision, so that what is exported and what is probed are one loss."""
    inputs = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
    wide = lambda x: x.detach().to("cpu", torch.float64) if torch.is_tensor(x) and x.is_floating_point() else x
    wide_or_cpu = lambda x: wide(x).to("cpu") if torch.is_tensor(x) else x
    return copy.deepcopy(module).to("cpu", torch.float64), tuple(map(wide_or_cpu, inputs)), wide_or_cpu(targets)


class _Values(torch.fx.Interpreter):
    """Runs a graph and keeps what every node gave."""

    def __init__(self, module):
        super().__init__(module)
        self.kept = {}

    def run_node(self, node):
        value = super().run_node(node)
        self.kept[node] = value
        return value


def export(module, inputs, targets, loss, path, title=None):
    """Writes PATH.toml, the loss `loss(module(inputs), targets)` as a network file, and PATH.npz, its numbers. Several inputs are a tuple.

    Returns notes: sentences about what the file says otherwise than the module, though it is the same loss at these weights.
    """
    module, inputs, targets = _in_double(module, inputs, targets)
    whole = _Loss(module, loss)
    program = torch.export.export(whole, (inputs, targets), strict=False)
    writer = _Writer(title or f"{type(module).__name__} from PyTorch {torch.__version__}")
    # Names as the module has them; weights that are used under two names are one group.
    names = {id(p): name.removeprefix("module.") for name, p in reversed(list(whole.named_parameters(remove_duplicate=False)))}
    signature = program.graph_signature
    tensors = {**dict(whole.named_parameters(remove_duplicate=False)), **dict(whole.named_buffers()), **program.constants}
    targets_of = {**signature.inputs_to_parameters, **signature.inputs_to_buffers, **signature.inputs_to_lifted_tensor_constants}
    placeholders = [node for node in program.graph.nodes if node.op == "placeholder"]
    given = iter(torch.utils._pytree.tree_leaves(((inputs, targets), {})))
    arguments = [tensors[targets_of[node.name]] if node.name in targets_of else next(given) for node in placeholders]
    graph = torch.fx.GraphModule(program.graph_module, program.graph)
    values = _Values(graph)
    with torch.no_grad():
        values.run(*arguments)
    for node, tensor in zip(placeholders, arguments):
        if node.name in signature.inputs_to_parameters:
            parameter = tensors[signature.inputs_to_parameters[node.name]]
            writer.known[node] = writer.parameter(names[id(parameter)], parameter)
        else:
            writer.data[node] = values.kept[node]
    for node in program.graph.nodes:
        writer.visit(node, values.kept)
    writer.write(path)
    return writer.notes


class _Writer:
    """The network that a graph becomes. Values are names of the network, with the shapes that the graph has."""

    def __init__(self, title):
        self.title = title
        self.weights, self.constants, self.nodes, self.arrays, self.notes = {}, {}, {}, {}, []
        self.known = {}  # what a node of the graph is called in the network, where it depends on weights
        self.data = {}  # what a node is, where it does not
        self.output = None
        self.taken = set()
        self.by_identity = {}
        self.values = None

    # Names and entries.

    def unique(self, name):
        name = "".join(c if c.isalnum() and c.isascii() or c in "_-." else "_" for c in name)[:100] or "value"
        new, k = name, 2
        while new in self.taken:
            new, k = f"{name}_{k}", k + 1
        self.taken.add(new)
        return new

    def parameter(self, name, tensor):
        if id(tensor) in self.by_identity:
            return self.by_identity[id(tensor)]
        name = self.unique(name)
        self.arrays[name] = tensor
        entry = {"file": None, "array": name}
        if tensor.requires_grad:
            self.weights[name] = entry
        else:
            self.constants[name] = {**entry, "frozen": True}
        self.by_identity[id(tensor)] = name
        return name

    def constant(self, hint, tensor):
        name = self.unique(hint)
        tensor = torch.as_tensor(tensor).to(torch.float64)
        if tensor.numel() == 1 and tensor.dim() <= 1:
            self.constants[name] = {"shape": list(tensor.shape), "values": [float(tensor.reshape(()))]}
        else:
            self.arrays[name] = tensor.clamp(min=-1e30) if bool((tensor == -math.inf).any()) else tensor
            self.constants[name] = {"file": None, "array": name}
        return name

    def node(self, hint, op, *of, **parameters):
        name = self.unique(hint)
        self.nodes[name] = {"op": op, "of": list(of), **parameters}
        return name

    def write(self, path):
        numbers = f"{path}.npz".replace("\\", "/").rsplit("/", 1)[-1]
        lines = [f"# Written by sharpflow_pytorch.py with PyTorch {torch.__version__}."]
        lines += [f"# {note}" for note in self.notes] + [f"title = {_toml(self.title)}", f"output = {_toml(self.output)}"]
        for table, entries in (("weights", self.weights), ("constants", self.constants), ("nodes", self.nodes)):
            lines += ["", f"[{table}]"]
            for name, entry in entries.items():
                entry = {key: numbers if key == "file" else value for key, value in entry.items()}
                lines.append(f"{_toml(name)} = {{ " + ", ".join(f"{key} = {_toml(value)}" for key, value in entry.items()) + " }")
        with open(f"{path}.toml", "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        _write_npz(f"{path}.npz", self.arrays)

    # Reading the graph.

    def visit(self, node, values):
        if node.op == "placeholder":
            return
        self.values, self.at = values, node
        if node.op == "output":
            (result,) = node.args[0] if isinstance(node.args[0], (tuple, list)) and len(node.args[0]) == 1 else (node.args[0][-1],)
            if result not in self.known:
                raise Unsupported("The loss depends on no parameter that needs a gradient.")
            if values[result].numel() != 1:
                raise Unsupported(f"The loss is an array of shape {list(values[result].shape)}; it must be one number.")
            self.output = self.shaped(self.known[result], values[result].shape, [])
            return
        if node.op != "call_function":
            raise Unsupported(f"{self.where()}: a part of the kind `{node.op}`.")
        if not any(one in self.known for one in node.all_input_nodes):
            self.data[node] = values[node]
            return
        target = node.target
        if target is operator.getitem:
            parts = self.known[node.args[0]]
            self.known[node] = parts[node.args[1]] if isinstance(parts, (list, tuple)) else parts
            return
        name = target.name().removeprefix("aten::") if hasattr(target, "name") else str(target)
        base = name.split(".")[0]
        handler = getattr(self, "on_" + base.rstrip("_"), None)
        if handler is None:
            raise Unsupported(f"{self.where()}: the operation `{name}` has no counterpart in a network file. Write it in others that have one.")
        schema = target._schema
        accepted = inspect.signature(handler).parameters
        takes_all = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in accepted.values())
        arguments = {}
        for k, one in enumerate(schema.arguments):
            argument = "self_" if one.name == "self" else one.name
            value = node.args[k] if k < len(node.args) else node.kwargs.get(one.name, one.default_value)
            if argument in accepted or takes_all:
                arguments[argument] = value
            elif value != one.default_value:
                self.refuse(f"the argument `{one.name}` of `{name}` has no counterpart in a network file.")
        self.known[node] = handler(**arguments)

    def where(self):
        stack = self.at.meta.get("nn_module_stack") or {}
        module = [path for path, _ in stack.values()][-1:] or [""]
        return f"At `{self.at.name}`" + (f" of `{module[0]}`" if module[0] else "")

    def refuse(self, why):
        raise Unsupported(f"{self.where()}: {why}")

    def shape(self, x):
        value = self.values[x] if isinstance(x, torch.fx.Node) else torch.as_tensor(x)
        return list(value.shape)

    @property
    def result(self):
        return list(self.values[self.at].shape)

    def name(self, x, hint=None):
        """What a value is called, as a constant where it depends on no weight."""
        if isinstance(x, torch.fx.Node):
            if x in self.known:
                return self.known[x]
            self.known[x] = self.constant(hint or x.name, self.data[x])
            self.data[x] = self.values[x]
            return self.known[x]
        return self.constant(hint or f"{self.at.name}.number", torch.tensor(float(x), dtype=torch.float64))

    def number(self, x):
        """A number that depends on no weight, or None."""
        if isinstance(x, (int, float)) and not isinstance(x, bool):
            return float(x)
        if isinstance(x, torch.fx.Node) and x in self.data and self.data[x].numel() == 1 and self.data[x].dim() == 0:
            return float(self.data[x])
        return None

    def array(self, x):
        """A value that must not depend on weights."""
        if isinstance(x, torch.fx.Node):
            if x not in self.data:
                self.refuse(f"`{x.name}` depends on weights, and may not.")
            return self.data[x]
        return x

    def add(self, op, *of, hint=None, **parameters):
        return self.node(hint or self.at.name, op, *of, **parameters)

    def shaped(self, name, before, after):
        return name if list(before) == list(after) else self.add("reshape", name, hint=f"{self.at.name}.shape", shape=list(after))

    def moved(self, name, order, hint="order"):
        return name if list(order) == list(range(len(order))) else self.add("transpose", name, hint=f"{self.at.name}.{hint}", order=list(order))

    # Entry by entry.

    def sum_of(self, op, x, y, alpha):
        if alpha != 1:
            y = float(y) * alpha if isinstance(y, (int, float)) else y
            scaled = self.add("scale", self.name(y), hint=f"{self.at.name}.scaled", factor=float(alpha)) if not isinstance(y, float) else self.name(y)
            return self.add(op, self.name(x), scaled)
        return self.add(op, self.name(x), self.name(y))

    def on_add(self, self_, other, alpha=1):
        return self.sum_of("add", self_, other, alpha)

    def on_sub(self, self_, other, alpha=1):
        return self.sum_of("subtract", self_, other, alpha)

    def on_rsub(self, self_, other, alpha=1):
        return self.sum_of("subtract", other, self_, alpha)

    def on_mul(self, self_, other):
        for x, y in ((self_, other), (other, self_)):
            if (factor := self.number(y)) is not None:
                return self.add("scale", self.name(x), factor=factor)
        return self.add("multiply", self.name(self_), self.name(other))

    def on_div(self, self_, other, rounding_mode=None):
        if rounding_mode is not None:
            self.refuse("a division that rounds.")
        if (divisor := self.number(other)) is not None:
            return self.add("divide", self.name(self_), self.name(divisor)) if math.frexp(divisor)[0] not in (0.5, -0.5) else self.add(
                "scale", self.name(self_), factor=1.0 / divisor
            )
        return self.add("divide", self.name(self_), self.name(other))

    def on_neg(self, self_):
        return self.add("scale", self.name(self_), factor=-1.0)

    def on_pow(self, self_, exponent):
        exponent = self.number(exponent)
        if exponent is None or not float(2 * exponent).is_integer() or exponent == 0 or abs(exponent) > 16:
            self.refuse("a power whose exponent is not a multiple of 1/2 within 16.")
        return self.add("power", self.name(self_), exponent=exponent)

    def on_square(self, self_):
        return self.add("multiply", self.name(self_), self.name(self_))

    def on_sqrt(self, self_):
        return self.add("square_root", self.name(self_))

    def on_rsqrt(self, self_):
        return self.add("power", self.name(self_), exponent=-0.5)

    def on_reciprocal(self, self_):
        return self.add("power", self.name(self_), exponent=-1.0)

    def entrywise(self, op):
        return lambda self_: self.add(op, self.name(self_))

    on_exp = lambda self, self_: self.entrywise("exp")(self_)
    on_log = lambda self, self_: self.entrywise("log")(self_)
    on_sin = lambda self, self_: self.entrywise("sin")(self_)
    on_cos = lambda self, self_: self.entrywise("cos")(self_)
    on_tanh = lambda self, self_: self.entrywise("tanh")(self_)
    on_erf = lambda self, self_: self.entrywise("erf")(self_)
    on_relu = lambda self, self_: self.entrywise("relu")(self_)
    on_abs = lambda self, self_: self.entrywise("abs")(self_)
    on_sigmoid = lambda self, self_: self.entrywise("logistic")(self_)

    def on_log_sigmoid(self, self_):
        turned = self.add("scale", self.name(self_), hint=f"{self.at.name}.turned", factor=-1.0)
        return self.add("scale", self.add("softplus", turned, hint=f"{self.at.name}.softplus"), factor=-1.0)

    def on_gelu(self, self_, approximate="none"):
        x, at = self.name(self_), self.at.name
        if approximate == "tanh":
            return self.add("gelu", x)
        # ½x(1 + erf(x/√2)).
        inner = self.add("scale", x, hint=f"{at}.inner", factor=math.sqrt(0.5))
        error = self.add("erf", inner, hint=f"{at}.erf")
        gate = self.add("add", error, self.constant(f"{at}.one", torch.tensor(1.0, dtype=torch.float64)), hint=f"{at}.gate")
        return self.add("multiply", self.add("scale", x, hint=f"{at}.half", factor=0.5), gate)

    def on_silu(self, self_):
        gate = self.add("logistic", self.name(self_), hint=f"{self.at.name}.gate")
        return self.add("multiply", self.name(self_), gate)

    def on_softplus(self, self_, beta=1, threshold=20):
        largest = float((self.values[self_] * beta).max())
        if largest > threshold:
            self.refuse(f"softplus is linear above its threshold of {threshold}, and the largest of its inputs is {largest / beta:.3g}.")
        if beta == 1:
            return self.add("softplus", self.name(self_))
        inner = self.add("scale", self.name(self_), hint=f"{self.at.name}.inner", factor=float(beta))
        return self.add("scale", self.add("softplus", inner, hint=f"{self.at.name}.softplus"), factor=1.0 / beta)

    def on_leaky_relu(self, self_, negative_slope=0.01):
        positive = self.add("relu", self.name(self_), hint=f"{self.at.name}.positive")
        turned = self.add("scale", self.name(self_), hint=f"{self.at.name}.turned", factor=-1.0)
        negative = self.add("relu", turned, hint=f"{self.at.name}.negative")
        return self.add("subtract", positive, self.add("scale", negative, hint=f"{self.at.name}.slope", factor=float(negative_slope)))

    def on_clamp(self, self_, min=None, max=None):
        low, high = (None if x is None else self.number(x) for x in (min, max))
        value = self.values[self_]
        # A bound that no entry is near does nothing, as that of torch.nn.functional.normalize.
        if high is None and low is not None and float(value.min()) > 2 * abs(low):
            self.notes.append(f"{self.where()}: the lower bound {low} is left out; the smallest entry is {float(value.min()):.3g}.")
            return self.name(self_)
        return self.add("clip", self.name(self_), low=-1e300 if low is None else low, high=1e300 if high is None else high)

    def on_clamp_min(self, self_, min):
        return self.on_clamp(self_, min)

    def on_clamp_max(self, self_, max):
        return self.on_clamp(self_, None, max)

    def on_hardtanh(self, self_, min_val=-1, max_val=1):
        return self.add("clip", self.name(self_), low=float(min_val), high=float(max_val))

    def on_relu6(self, self_):
        return self.add("clip", self.name(self_), low=0.0, high=6.0)

    def on_masked_fill(self, self_, mask, value):
        mask = self.array(mask).to(torch.float64)
        kept = self.constant(f"{self.at.name}.kept", 1.0 - mask)
        filled = mask * max(self.number(value), -1e30)
        part = self.add("multiply", self.name(self_), kept, hint=f"{self.at.name}.part")
        return self.add("add", part, self.constant(f"{self.at.name}.filled", filled))

    def on_where(self, condition, self_, other):
        chosen = self.array(condition).to(torch.float64)
        parts = []
        for x, mask in ((self_, chosen), (other, 1.0 - chosen)):
            if (number := self.number(x)) is not None:
                parts.append(self.constant(f"{self.at.name}.filled", mask * max(number, -1e30)))
            else:
                mask = self.constant(f"{self.at.name}.mask", mask)
                parts.append(self.add("multiply", self.name(x), mask, hint=f"{self.at.name}.part"))
        return self.add("add", *parts)

    def on_dropout(self, input, p, train):
        if train and p > 0:
            self.refuse(f"dropout with p = {p} makes the loss random. The theory is of one loss: set p to 0.")
        return self.name(input)

    on_alpha_dropout = on_feature_dropout = on_dropout

    def on__assert_tensor_metadata(self, a, **_):
        return self.name(a)

    def on_clone(self, self_, memory_format=None):
        return self.name(self_)

    def on_contiguous(self, self_, memory_format=None):
        return self.name(self_)

    def on_alias(self, self_):
        return self.name(self_)

    def on_to(self, **arguments):
        kind = self.values[self.at].dtype
        if kind != torch.float64:
            self.refuse(f"a cast to {kind}, which rounds. The loss is exported in double precision: leave the cast out.")
        return self.name(arguments["self_"])

    on__to_copy = on_to

    def on_detach(self, self_):
        self.refuse("the gradient stops here (`detach`), so that what is followed is not the gradient of the loss.")

    # Shapes.

    def on_reshape(self, **arguments):
        return self.shaped(self.name(arguments["self_"]), self.shape(arguments["self_"]), self.result)

    on_view = on__unsafe_view = on_flatten = on_unsqueeze = on_squeeze = on_unflatten = on_view_as = on_reshape

    def on_permute(self, self_, dims):
        rank = len(self.shape(self_))
        return self.moved(self.name(self_), [d % rank for d in dims])

    def on_transpose(self, self_, dim0, dim1):
        rank = len(self.shape(self_))
        order = list(range(rank))
        order[dim0 % rank], order[dim1 % rank] = order[dim1 % rank], order[dim0 % rank]
        return self.moved(self.name(self_), order)

    def on_t(self, self_):
        return self.moved(self.name(self_), [1, 0] if len(self.shape(self_)) == 2 else [0])

    def on_movedim(self, self_, source, destination):
        rank = len(self.shape(self_))
        source, destination = ([d % rank for d in x] for x in (source, destination))
        order = [d for d in range(rank) if d not in source]
        for to, from_ in sorted(zip(destination, source)):
            order.insert(to, from_)
        return self.moved(self.name(self_), order)

    def widened(self, x, after):
        """A value whose axes of size 1 repeat."""
        name, before = self.name(x), self.shape(x)
        if before == list(after):
            return name
        ones = self.constant(f"{self.at.name}.ones", torch.ones(list(after)))
        return self.add("multiply", name, ones, hint=f"{self.at.name}.wide")

    def on_expand(self, **arguments):
        return self.widened(arguments["self_"], self.result)

    on_expand_as = on_expand

    def on_broadcast_tensors(self, tensors):
        shape = list(torch.broadcast_shapes(*(self.shape(x) for x in tensors)))
        return [self.widened(x, shape) for x in tensors]

    def on_cat(self, tensors, dim=0):
        tensors = [x for x in tensors if self.values[x].numel() > 0]
        if len(tensors) == 1:
            return self.name(tensors[0])
        return self.add("concatenate", *map(self.name, tensors), axis=dim % len(self.result))

    def on_stack(self, tensors, dim=0):
        axis = dim % len(self.result)
        one = list(self.shape(tensors[0]))
        one.insert(axis, 1)
        return self.add("concatenate", *(self.shaped(self.name(x), self.shape(x), one) for x in tensors), axis=axis)

    def on_slice(self, self_, dim=0, start=None, end=None, step=1):
        shape = self.shape(self_)
        axis = dim % len(shape)
        start, end, step = slice(start, end, step).indices(shape[axis])
        if (start, step) == (0, 1) and end == shape[axis]:
            return self.name(self_)
        return self.add("slice", self.name(self_), axis=axis, start=start, end=end, step=step)

    def on_narrow(self, self_, dim, start, length):
        return self.on_slice(self_, dim, start, start + length)

    def on_select(self, self_, dim, index):
        shape = self.shape(self_)
        axis, index = dim % len(shape), index % shape[dim]
        part = self.add("slice", self.name(self_), hint=f"{self.at.name}.part", axis=axis, start=index, end=index + 1)
        return self.shaped(part, shape[:axis] + [1] + shape[axis + 1 :], self.result)

    def pieces(self, x, axis, sizes):
        ends = [sum(sizes[: k + 1]) for k in range(len(sizes))]
        return [self.add("slice", self.name(x), axis=axis, start=end - size, end=end) for end, size in zip(ends, sizes)]

    def on_split(self, self_, split_size, dim=0):
        axis = dim % len(self.shape(self_))
        return self.pieces(self_, axis, [one.shape[axis] for one in self.values[self.at]])

    def on_split_with_sizes(self, self_, split_sizes, dim=0):
        return self.on_split(self_, split_sizes, dim)

    def on_chunk(self, self_, chunks, dim=0):
        return self.on_split(self_, chunks, dim)

    def on_unbind(self, self_, dim=0):
        shape = self.shape(self_)
        axis = dim % len(shape)
        parts = self.pieces(self_, axis, [1] * shape[axis])
        return [self.shaped(part, shape[:axis] + [1] + shape[axis + 1 :], shape[:axis] + shape[axis + 1 :]) for part in parts]

    def on_index_select(self, self_, dim, index):
        return self.add("take", self.name(self_), axis=dim % len(self.shape(self_)), indices=self.array(index).tolist())

    def on_embedding(self, weight, indices, padding_idx=-1, scale_grad_by_freq=False, sparse=False):
        indices = self.array(indices)
        if padding_idx >= 0 and bool((indices == padding_idx).any()):
            self.refuse("the padding row of an embedding gets no gradient, so that what is followed is not the gradient of the loss.")
        return self.add("embedding", self.name(weight), self.constant(f"{self.at.name}.indices", indices))

    # Sums and products.

    def axes(self, x, dim):
        rank = len(self.shape(x))
        dims = range(rank) if dim is None or dim == [] else dim if isinstance(dim, (list, tuple)) else [dim]
        return [d % rank for d in dims]

    def reduced(self, op, x, dim):
        axes = self.axes(x, dim)
        if not axes:
            return self.name(x)
        kept = [1 if k in axes else size for k, size in enumerate(self.shape(x))]
        return self.shaped(self.add(op, self.name(x), axes=axes), kept, self.result)

    def on_sum(self, self_, dim=None, keepdim=False, dtype=None):
        return self.reduced("sum", self_, dim)

    def on_mean(self, self_, dim=None, keepdim=False, dtype=None):
        return self.reduced("mean", self_, dim)

    def on_amax(self, self_, dim=None, keepdim=False):
        return self.reduced("maximum", self_, dim)

    def spread(self, x, dim, correction):
        axes, shape = self.axes(x, dim), self.shape(x)
        mean = self.add("mean", self.name(x), hint=f"{self.at.name}.mean", axes=axes)
        centred = self.add("subtract", self.name(x), mean, hint=f"{self.at.name}.centred")
        square = self.add("multiply", centred, centred, hint=f"{self.at.name}.square")
        count = math.prod(shape[k] for k in axes)
        total = self.add("mean", square, hint=f"{self.at.name}.variance", axes=axes)
        if correction:
            total = self.add("scale", total, hint=f"{self.at.name}.corrected", factor=count / (count - correction))
        return self.shaped(total, [1 if k in axes else size for k, size in enumerate(shape)], self.result)

    def on_var(self, self_, dim=None, correction=1, keepdim=False, unbiased=True):
        return self.spread(self_, dim, 1 if correction is None else int(correction) if unbiased else 0)

    def on_std(self, self_, dim=None, correction=1, keepdim=False, unbiased=True):
        variance = self.spread(self_, dim, 1 if correction is None else int(correction) if unbiased else 0)
        return self.add("square_root", variance)

    def on_linalg_vector_norm(self, self_, ord=2, dim=None, keepdim=False, dtype=None):
        if ord != 2:
            self.refuse(f"a norm of order {ord}.")
        square = self.add("multiply", self.name(self_), self.name(self_), hint=f"{self.at.name}.square")
        axes = self.axes(self_, dim)
        total = self.add("sum", square, hint=f"{self.at.name}.sum", axes=axes)
        kept = [1 if k in axes else size for k, size in enumerate(self.shape(self_))]
        return self.add("square_root", self.shaped(total, kept, self.result))

    def on_norm(self, self_, p=2, dim=None, keepdim=False, dtype=None):
        return self.on_linalg_vector_norm(self_, 2 if p is None else p, dim, keepdim)

    def on_linear(self, input, weight, bias=None):
        shape = self.shape(input)
        x = self.shaped(self.name(input), shape, [1] * (2 - len(shape)) + shape)
        out = self.add("linear", x, self.name(weight))
        if len(shape) < 2:
            out = self.shaped(out, [1, self.shape(weight)[0]], self.result)
        return out if bias is None else self.add("add", out, self.name(bias), hint=f"{self.at.name}.biased")

    def on_matmul(self, self_, other):
        a, b = self.shape(self_), self.shape(other)
        left = self.shaped(self.name(self_), a, [1] * (2 - len(a)) + a)
        right = self.shaped(self.name(other), b, b + [1] * (2 - len(b)))
        if len(b) > 2 and len(a) != len(b) or len(b) > 2 and a[:-2] != b[:-2]:
            batch = list(torch.broadcast_shapes(torch.Size(a[:-2]), torch.Size(b[:-2])))
            left, right = self.widened(self_, batch + a[-2:]), self.widened(other, batch + b[-2:])
        out = self.add("matrix_product", left, right)
        rows, columns = (a[:-1] if len(a) > 1 else [1]), (b[-1:] if len(b) > 1 else [1])
        return out if len(a) > 1 and len(b) > 1 else self.shaped(out, rows + columns, self.result)

    def on_mm(self, self_, mat2):
        return self.on_matmul(self_, mat2)

    on_bmm = on_mm

    def on_mv(self, self_, vec):
        return self.on_matmul(self_, vec)

    def on_dot(self, self_, tensor):
        return self.on_matmul(self_, tensor)

    def on_addmm(self, self_, mat1, mat2, beta=1, alpha=1):
        if (beta, alpha) != (1, 1):
            self.refuse("addmm with factors.")
        return self.add("add", self.on_matmul(mat1, mat2), self.name(self_), hint=f"{self.at.name}.biased")

    # Convolutions and pools: a network file has the channels last.

    def windowed(self, x, places, window, stride, padding, dilation):
        same = lambda values, what: values[0] if len(set(values)) == 1 else self.refuse(f"{what} {list(values)}: a network file has one for all axes.")
        wide = lambda values: list(values) * places if len(values) == 1 else list(values)
        window, stride, padding, dilation = map(wide, (window, stride or window, padding, dilation))
        return {
            "window": window,
            "stride": same(stride, "strides of"),
            "padding": same(padding, "paddings of"),
            "dilation": same(dilation, "dilations of"),
        }

    def channels_last(self, x, places):
        name, rank = self.name(x), len(self.shape(x))
        if rank != places + 2:
            self.refuse("a signal without a batch axis.")
        return self.moved(name, [0, *range(2, rank), 1], "last")

    def channels_first(self, name, places):
        return self.moved(name, [0, places + 1, *range(1, places + 1)], "first")

    def convolution(self, x, weight, bias, stride, padding, dilation, groups, places):
        outputs, inner, *window = self.shape(weight)
        if padding == "valid":
            padding = [0]
        elif padding == "same":
            wide = list(dilation) * places if len(dilation) == 1 else dilation
            if any(d * (k - 1) % 2 for d, k in zip(wide, window)):
                self.refuse("padding that is not the same on both sides.")
            padding = [d * (k - 1) // 2 for d, k in zip(wide, window)]
        parameters = self.windowed(x, places, window, stride, padding, dilation)
        kernels = self.moved(self.name(weight), [0, *range(2, places + 2), 1], "kernels")
        kernels = self.add("reshape", kernels, hint=f"{self.at.name}.rows", shape=[outputs, inner * math.prod(window)])
        of = self.channels_last(x, places)
        out = self.add("convolution", of, kernels, hint=f"{self.at.name}.convolution", **parameters, groups=groups)
        if bias is not None:
            out = self.add("add", out, self.name(bias), hint=f"{self.at.name}.biased")
        return self.channels_first(out, places)

    def on_conv1d(self, input, weight, bias=None, stride=(1,), padding=(0,), dilation=(1,), groups=1):
        return self.convolution(input, weight, bias, stride, padding, dilation, groups, 1)

    def on_conv2d(self, input, weight, bias=None, stride=(1,), padding=(0,), dilation=(1,), groups=1):
        return self.convolution(input, weight, bias, stride, padding, dilation, groups, 2)

    def pool(self, op, x, places, window, stride, padding, dilation=(1,), ceil_mode=False):
        if ceil_mode:
            self.refuse("a pool with ceil_mode.")
        parameters = self.windowed(x, places, window, stride, padding, dilation)
        if parameters["padding"] and op == "max_pool" and float(self.values[x].min()) < 0:
            self.refuse("a padded zero counts in a maximum of a network file, and some inputs are negative.")
        out = self.add(op, self.channels_last(x, places), hint=f"{self.at.name}.pool", **parameters)
        return self.channels_first(out, places)

    def on_max_pool2d(self, self_, kernel_size, stride=(), padding=(0,), dilation=(1,), ceil_mode=False):
        return self.pool("max_pool", self_, 2, kernel_size, stride, padding, dilation, ceil_mode)

    def on_max_pool1d(self, self_, kernel_size, stride=(), padding=(0,), dilation=(1,), ceil_mode=False):
        return self.pool("max_pool", self_, 1, kernel_size, stride, padding, dilation, ceil_mode)

    def on_avg_pool2d(self, self_, kernel_size, stride=(), padding=(0,), ceil_mode=False, count_include_pad=True, divisor_override=None):
        if divisor_override is not None or (any(padding) and not count_include_pad):
            self.refuse("a mean over a window that does not count its padding.")
        return self.pool("average_pool", self_, 2, kernel_size, stride, padding, (1,), ceil_mode)

    def on_adaptive_avg_pool2d(self, self_, output_size):
        shape = self.shape(self_)
        if list(output_size) == [1, 1]:
            return self.add("mean", self.name(self_), axes=[len(shape) - 2, len(shape) - 1])
        if any(size % out for size, out in zip(shape[-2:], output_size)):
            self.refuse("an adaptive pool whose windows have several sizes.")
        window = [size // out for size, out in zip(shape[-2:], output_size)]
        return self.pool("average_pool", self_, 2, window, window, (0,))

    # Normalizations.

    def affine(self, name, weight, bias, shape, hint):
        for op, x in (("multiply", weight), ("add", bias)):
            if x is not None:
                factor = self.shaped(self.name(x), self.shape(x), shape)
                name = self.add(op, name, factor, hint=f"{hint}.{'scaled' if op == 'multiply' else 'shifted'}")
        return name

    def on_batch_norm(self, input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled):
        if not training:
            self.refuse("batch norm with running statistics (the module is in evaluation mode). The training loss needs module.train().")
        rank = len(self.shape(input))
        axes, along = [0, *range(2, rank)], [1, -1] + [1] * (rank - 2)
        out = self.add("normalize", self.name(input), axes=axes, epsilon=eps)
        along[1] = self.shape(input)[1]
        return self.affine(out, weight, bias, along[1:] if rank > 2 else [along[1]], self.at.name)

    def on_instance_norm(self, input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, cudnn_enabled):
        if not use_input_stats:
            self.refuse("instance norm with running statistics.")
        shape = self.shape(input)
        out = self.add("normalize", self.name(input), axes=list(range(2, len(shape))), epsilon=eps)
        return self.affine(out, weight, bias, [shape[1]] + [1] * (len(shape) - 2), self.at.name)

    def on_layer_norm(self, input, normalized_shape, weight=None, bias=None, eps=1e-5, cudnn_enable=True):
        rank = len(self.shape(input))
        out = self.add("normalize", self.name(input), axes=list(range(rank - len(normalized_shape), rank)), epsilon=eps)
        return self.affine(out, weight, bias, list(normalized_shape), self.at.name)

    def on_rms_norm(self, input, normalized_shape, weight=None, eps=None):
        rank = len(self.shape(input))
        eps = torch.finfo(torch.float64).eps if eps is None else eps
        axes = list(range(rank - len(normalized_shape), rank))
        out = self.add("normalize", self.name(input), axes=axes, epsilon=eps, centred=False)
        return self.affine(out, weight, None, list(normalized_shape), self.at.name)

    def on_group_norm(self, input, num_groups, weight=None, bias=None, eps=1e-5, cudnn_enabled=True):
        shape = self.shape(input)
        parted = [shape[0], num_groups, shape[1] // num_groups * math.prod(shape[2:])]
        x = self.shaped(self.name(input), shape, parted)
        out = self.add("normalize", x, hint=f"{self.at.name}.groups", axes=[2], epsilon=eps)
        out = self.shaped(out, parted, shape)
        return self.affine(out, weight, bias, [shape[1]] + [1] * (len(shape) - 2), self.at.name)

    def on__weight_norm(self, v, g, dim=0):
        axes = [k for k in range(len(self.shape(v))) if k != dim % len(self.shape(v))] if dim != -1 else self.axes(v, None)
        out = self.add("normalize", self.name(v), axes=axes, centred=False, averaged=False)
        return self.add("multiply", out, self.name(g), hint=f"{self.at.name}.scaled")

    def on__weight_norm_interface(self, v, g, dim=0):
        return [self.on__weight_norm(v, g, dim), None]

    def on_softmax(self, self_, dim, dtype=None, half_to_float=False):
        return self.add("softmax", self.name(self_), axis=dim % len(self.shape(self_)))

    on__softmax = on_softmax

    def on_log_softmax(self, self_, dim, dtype=None, half_to_float=False):
        axis = dim % len(self.shape(self_))
        return self.add("log", self.add("softmax", self.name(self_), hint=f"{self.at.name}.softmax", axis=axis))

    on__log_softmax = on_log_softmax

    def on_scaled_dot_product_attention(self, query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False):
        if dropout_p > 0 or enable_gqa:
            self.refuse("attention with dropout or with grouped queries.")
        rank, (rows, depth), columns = len(self.shape(query)), self.shape(query)[-2:], self.shape(key)[-2]
        turned = self.moved(self.name(key), [*range(rank - 2), rank - 1, rank - 2], "keys")
        scores = self.add("matrix_product", self.name(query), turned, hint=f"{self.at.name}.scores")
        scores = self.add("scale", scores, hint=f"{self.at.name}.scaled", factor=1 / math.sqrt(depth) if scale is None else float(scale))
        mask = None
        if is_causal:
            mask = torch.full((rows, columns), -1e30, dtype=torch.float64).triu(1)
        elif attn_mask is not None:
            mask = self.array(attn_mask)
            mask = (~mask).to(torch.float64) * -1e30 if mask.dtype == torch.bool else mask
        if mask is not None:
            scores = self.add("add", scores, self.constant(f"{self.at.name}.mask", mask), hint=f"{self.at.name}.masked")
        weights = self.add("softmax", scores, hint=f"{self.at.name}.softmax", axis=rank - 1)
        return self.add("matrix_product", weights, self.name(value))

    # Losses. The reduction is 0 for none, 1 for the mean and 2 for the sum.

    def totalled(self, name, shape, reduction):
        if reduction == 0:
            return name
        total = self.add("mean" if reduction == 1 else "sum", name, hint=f"{self.at.name}.total", axes=list(range(len(shape))))
        return self.shaped(total, [1] * len(shape), [])

    def on_mse_loss(self, self_, target, reduction=1):
        if reduction == 1 and self.shape(self_) == self.shape(target):
            return self.add("mean_squared_error", self.name(self_), self.name(target, "targets"))
        difference = self.add("subtract", self.name(self_), self.name(target, "targets"), hint=f"{self.at.name}.difference")
        square = self.add("multiply", difference, difference, hint=f"{self.at.name}.square")
        return self.totalled(square, list(torch.broadcast_shapes(self.shape(self_), self.shape(target))), reduction)

    def on_l1_loss(self, self_, target, reduction=1):
        difference = self.add("subtract", self.name(self_), self.name(target, "targets"), hint=f"{self.at.name}.difference")
        return self.totalled(self.add("abs", difference, hint=f"{self.at.name}.size"), self.shape(self_), reduction)

    def one_hot(self, logits, target, weight, ignore_index):
        """Logits with the classes last, and targets as vectors."""
        shape, target = self.shape(logits), self.array(target)
        if weight is not None:
            self.refuse("a loss with weights of classes.")
        x = self.moved(self.name(logits), [0, *range(2, len(shape)), 1] if len(shape) > 1 else [0], "classes")
        if not target.is_floating_point():
            if bool((target == ignore_index).any()):
                self.refuse(f"targets with the ignored index {ignore_index}.")
            target = F.one_hot(target, shape[1] if len(shape) > 1 else shape[0])
        elif len(shape) > 1:
            target = target.movedim(1, -1)
        return x, target.to(torch.float64)

    def on_cross_entropy_loss(self, self_, target, weight=None, reduction=1, ignore_index=-100, label_smoothing=0.0):
        x, target = self.one_hot(self_, target, weight, ignore_index)
        if label_smoothing:
            target = (1 - label_smoothing) * target + label_smoothing / target.shape[-1]
        if reduction == 0:
            self.refuse("a cross entropy that is not reduced.")
        loss = self.add("cross_entropy", x, self.constant("targets", target))
        count = math.prod(target.shape[:-1])
        return loss if reduction == 1 or count == 1 else self.add("scale", loss, hint=f"{self.at.name}.sum", factor=float(count))

    def on_nll_loss(self, self_, target, weight=None, reduction=1, ignore_index=-100):
        x, target = self.one_hot(self_, target, weight, ignore_index)
        picked = self.add("multiply", x, self.constant("targets", -target), hint=f"{self.at.name}.picked")
        total = self.add("sum", picked, hint=f"{self.at.name}.total", axes=list(range(target.dim())))
        total = self.shaped(total, [1] * target.dim(), [])
        count = math.prod(target.shape[:-1])
        return total if reduction == 2 or count == 1 else self.add("scale", total, hint=f"{self.at.name}.mean", factor=1.0 / count)

    def on_binary_cross_entropy_with_logits(self, self_, target, weight=None, pos_weight=None, reduction=1):
        if weight is not None or pos_weight is not None:
            self.refuse("a loss with weights.")
        # log(1 + eˣ) − yx.
        softplus = self.add("softplus", self.name(self_), hint=f"{self.at.name}.softplus")
        product = self.add("multiply", self.name(self_), self.name(target, "targets"), hint=f"{self.at.name}.product")
        return self.totalled(self.add("subtract", softplus, product, hint=f"{self.at.name}.entries"), self.shape(self_), reduction)


# ------------------------------------------------------------------------------------------------------------ derivatives


def _normal(x, axes, eps, centred=True):
    """A normalization in plain operations, whose derivatives are right to every order."""
    x = x - x.mean(axes, keepdim=True) if centred else x
    return x / ((x * x).mean(axes, keepdim=True) + eps).sqrt()


def _affine(x, weight, bias, axis):
    shape = [1] * x.dim()
    for k, size in enumerate(weight.shape if weight is not None else bias.shape if bias is not None else []):
        shape[axis + k] = size
    x = x if weight is None else x * weight.reshape(shape)
    return x if bias is None else x + bias.reshape(shape)


def _batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    if not training and running_mean is not None:
        raise NotImplementedError("batch norm with running statistics")
    return _affine(_normal(input, [0, *range(2, input.dim())], eps), weight, bias, 1)


def _instance_norm(input, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True, momentum=0.1, eps=1e-5):
    if not use_input_stats:
        raise NotImplementedError("instance norm with running statistics")
    return _affine(_normal(input, list(range(2, input.dim())), eps), weight, bias, 1)


def _layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    first = input.dim() - len(normalized_shape)
    return _affine(_normal(input, list(range(first, input.dim())), eps), weight, bias, first)


def _rms_norm(input, normalized_shape, weight=None, eps=None):
    first = input.dim() - len(normalized_shape)
    eps = torch.finfo(input.dtype).eps if eps is None else eps
    return _affine(_normal(input, list(range(first, input.dim())), eps, centred=False), weight, None, first)


def _group_norm(input, num_groups, weight=None, bias=None, eps=1e-5):
    parted = input.reshape(input.shape[0], num_groups, -1)
    return _affine(_normal(parted, [2], eps).reshape(input.shape), weight, bias, 1)


def _normalize(input, p=2.0, dim=1, eps=1e-12, out=None):
    return input / (input * input).sum(dim, keepdim=True).sqrt()


def _weight_norm(v, g, dim=0):
    axes = [k for k in range(v.dim()) if k != dim % v.dim()] if dim != -1 else list(range(v.dim()))
    return v * (g / (v * v).sum(axes, keepdim=True).sqrt())


def _attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False):
    if dropout_p > 0 or enable_gqa:
        raise NotImplementedError("attention with dropout or with grouped queries")
    scores = query @ key.transpose(-2, -1) * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    if is_causal:
        attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
    if attn_mask is not None:
        scores = scores.masked_fill(~attn_mask, -1e30) if attn_mask.dtype == torch.bool else scores + attn_mask
    return scores.softmax(-1) @ value


def _mse_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    if reduction != "mean" or weight is not None:
        raise NotImplementedError("a mean squared error that is no plain mean")
    difference = input - target
    return (difference * difference).mean()


# What is fused in PyTorch: its name, where it is looked up, and the same in plain operations.
_FUSED = {
    "batch_norm": [(F, "batch_norm", _batch_norm)],
    "instance_norm": [(F, "instance_norm", _instance_norm)],
    "layer_norm": [(F, "layer_norm", _layer_norm)],
    "rms_norm": [(F, "rms_norm", _rms_norm)],
    "group_norm": [(F, "group_norm", _group_norm)],
    "mse_loss": [(F, "mse_loss", _mse_loss)],
    "attention": [(F, "scaled_dot_product_attention", _attention)],
    "normalize": [(F, "normalize", _normalize)],
    "weight_norm": [(torch, "_weight_norm", _weight_norm), (torch.nn.utils.weight_norm.__globals__, "_weight_norm", _weight_norm)],
}


def _put(place, name, value):
    if isinstance(place, dict):
        before, place[name] = place.get(name), value
        return before
    before = getattr(place, name)
    setattr(place, name, value)
    return before


@contextlib.contextmanager
def written_out(kinds, seen=None):
    """Within it, these kinds of fused operations are written out in plain ones. `seen` is a set to which the kinds that are called are added."""
    undo = []
    try:
        for kind, places in _FUSED.items():
            for place, name, plain in places:
                fused = place.get(name) if isinstance(place, dict) else getattr(place, name)
                chosen = plain if kind in kinds else fused

                def call(*args, _chosen=chosen, _kind=kind, **kwargs):
                    if seen is not None:
                        seen.add(_kind)
                    return _chosen(*args, **kwargs)

                undo.append((place, name, _put(place, name, call)))
        yield
    finally:
        for place, name, value in reversed(undo):
            _put(place, name, value)


def _flat_loss(module, inputs, targets, loss):
    """The loss as a function of one vector of all parameters that need a gradient, and their values."""
    parameters = {name: p for name, p in module.named_parameters() if p.requires_grad}
    shapes, sizes = [p.shape for p in parameters.values()], [p.numel() for p in parameters.values()]
    rest = {name: t.detach() for name, t in [*module.named_parameters(), *module.named_buffers()] if name not in parameters}

    def f(w):
        parts = {name: part.reshape(shape) for name, part, shape in zip(parameters, w.split(sizes), shapes)}
        return loss(functional_call(module, {**rest, **parts}, inputs), targets)

    return f, torch.cat([p.detach().reshape(-1) for p in parameters.values()])


def _twice(f, v):
    return lambda w: grad(f)(w) @ v


def _along(f, v):
    return lambda w: jvp(f, (w,), (v,))[1]


def _autograd(f, w, v, order):
    w = w.clone().requires_grad_()
    (g,) = torch.autograd.grad(f(w), w, create_graph=True)
    for _ in range(order - 1):
        (g,) = torch.autograd.grad(g @ v, w, create_graph=True)
    return g


def _dual(f, w, v):
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(w.clone().requires_grad_(), v)
        (g,) = torch.autograd.grad(f(dual), dual, create_graph=True)
        return torch.autograd.forward_ad.unpack_dual(g).tangent


def _hvp_then_grad(f, w, v):
    w = w.clone().requires_grad_()
    product = torch.autograd.functional.hvp(f, w, v, create_graph=True)[1]
    return torch.autograd.grad(product @ v, w)[0]


def _twice_dense(matrix):
    return lambda f, w, v: matrix(f)(w) @ v


def _thrice_dense(cube):
    return lambda f, w, v: cube(f)(w) @ v @ v


# By order: ∇L, ∇²L v and ∇³L[v, v], each by its patterns. Those in the second table make arrays of D² or D³ numbers.
PATTERNS = {
    1: {
        "autograd.grad": lambda f, w, v: _autograd(f, w, v, 1),
        "func.grad": lambda f, w, v: grad(f)(w),
        "func.vjp": lambda f, w, v: vjp(f, w)[1](torch.ones((), dtype=w.dtype))[0],
    },
    2: {
        "autograd.grad twice": lambda f, w, v: _autograd(f, w, v, 2),
        "func.grad(grad)": lambda f, w, v: grad(_twice(f, v))(w),
        "func.jvp(grad)": lambda f, w, v: jvp(grad(f), (w,), (v,))[1],
        "func.grad(jvp)": lambda f, w, v: grad(_along(f, v))(w),
        "forward_ad over autograd.grad": _dual,
        "autograd.functional.hvp": lambda f, w, v: torch.autograd.functional.hvp(f, w, v)[1],
    },
    3: {
        "autograd.grad three times": lambda f, w, v: _autograd(f, w, v, 3),
        "func.grad(grad(grad))": lambda f, w, v: grad(lambda u: grad(_twice(f, v))(u) @ v)(w),
        "func.jvp(grad(grad))": lambda f, w, v: jvp(grad(_twice(f, v)), (w,), (v,))[1],
        "func.grad(jvp(grad))": lambda f, w, v: grad(lambda u: jvp(grad(f), (u,), (v,))[1] @ v)(w),
        "func.grad(grad(jvp))": lambda f, w, v: grad(lambda u: grad(_along(f, v))(u) @ v)(w),
        "func.jvp(jvp(grad))": lambda f, w, v: jvp(lambda u: jvp(grad(f), (u,), (v,))[1], (w,), (v,))[1],
        "func.jvp(grad(jvp))": lambda f, w, v: jvp(grad(_along(f, v)), (w,), (v,))[1],
        "func.grad(jvp(jvp))": lambda f, w, v: grad(_along(_along(f, v), v))(w),
        "autograd.functional.hvp, then grad": _hvp_then_grad,
    },
}
DENSE = {
    1: {"func.jacfwd": lambda f, w, v: jacfwd(f)(w)},
    2: {
        "func.hessian": _twice_dense(hessian),
        "func.jacrev(jacrev)": _twice_dense(lambda f: jacrev(jacrev(f))),
        "func.jacfwd(jacfwd)": _twice_dense(lambda f: jacfwd(jacfwd(f))),
        "autograd.functional.hessian": lambda f, w, v: torch.autograd.functional.hessian(f, w, vectorize=True) @ v,
    },
    3: {
        "func.jacrev(jacrev(jacrev))": _thrice_dense(lambda f: jacrev(jacrev(jacrev(f)))),
        "func.jacfwd(jacfwd(jacrev))": _thrice_dense(lambda f: jacfwd(jacfwd(jacrev(f)))),
        "func.jacrev(hessian)": _thrice_dense(lambda f: jacrev(hessian(f))),
    },
}
# The most numbers of a dense array of derivatives.
MOST_DENSE = 2**17


def probe(module, inputs, targets, loss, path, seed=0):
    """Writes PATH.npz: derivatives of `loss(module(inputs), targets)` by all patterns, for `sharpflow check-derivatives`.

    Arrays are vectors in the order of `module.named_parameters()`: the `weights`, the `direction` v, and `ORDER | PATTERN` for L, ∇L, ∇²L v and ∇³L[v, v];
    `ORDER | PATTERN | KIND` is the pattern with all fused kinds but KIND written out. A pattern that PyTorch refuses is an empty array.
    """
    module, inputs, targets = _in_double(module, inputs, targets)
    for part in module.modules():
        if isinstance(part, torch.nn.modules.batchnorm._NormBase) and part.training:
            # Running statistics do not enter the training loss, and torch.func may not change them.
            part.track_running_stats, part.running_mean, part.running_var, part.num_batches_tracked = False, None, None, None
    # A function of PyTorch that is handed over by itself is looked up when it is called, so that it can be written out too.
    own = getattr(loss, "__name__", "")
    looked_up = (lambda *both: getattr(F, own)(*both)) if getattr(F, own, None) is loss else loss
    f, w = _flat_loss(module, inputs, targets, looked_up)
    v = torch.randn(w.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    v /= v.norm()
    seen = set()
    with torch.no_grad(), written_out((), seen):
        f(w)
    arrays = {f"framework | PyTorch {torch.__version__}": w[:0], "weights": w, "direction": v, "0 | the loss": f(w).detach().reshape(1)}
    for order in PATTERNS:
        dense = DENSE[order] if w.numel() ** order <= MOST_DENSE else {}
        for name, pattern in {**PATTERNS[order], **dense}.items():
            arrays[f"{order} | {name}"] = _tried(pattern, f, w, v, ())
            for kind in sorted(seen):
                arrays[f"{order} | {name} | {kind}"] = _tried(pattern, f, w, v, seen - {kind})
    _write_npz(f"{path}.npz", arrays)


def _tried(pattern, f, w, v, kinds):
    with written_out(kinds):
        try:
            return pattern(f, w, v).detach()
        except (RuntimeError, NotImplementedError):
            return w[:0]


# -------------------------------------------------------------------------------------------------------------- sharpness


@contextlib.contextmanager
def _buffers_kept(module):
    """Puts the buffers of a module back, as the number of batches that a batch norm counts."""
    kept = [(buffer, buffer.clone()) for buffer in module.buffers()]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, before in kept:
                buffer.copy_(before)


def sharpness(module, inputs, targets, loss, iterations=40, seed=0):
    """λ₁, the largest eigenvalue of the Hessian of `loss(module(inputs), targets)`, and the residual ‖Hx − λ₁x‖, for a log of `recorder.py`.

    It is found by Lanczos iterations on products ∇²L x, in the module's own precision and on its device. The products are `torch.autograd.grad` twice with
    all fused operations written out: this pattern is right. Normalizations are those of training, and running statistics stay as they are.
    """
    inputs = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
    weights = [p for p in module.parameters() if p.requires_grad]
    with _buffers_kept(module), written_out(_FUSED), torch.enable_grad():
        own = getattr(loss, "__name__", "")
        of = getattr(F, own) if getattr(F, own, None) is loss else loss
        gradients = torch.autograd.grad(of(module(*inputs), targets), weights, create_graph=True, materialize_grads=True)

        def product(x):
            along = sum((g * part).sum() for g, part in zip(gradients, x))
            return [p.detach() for p in torch.autograd.grad(along, weights, retain_graph=True, materialize_grads=True)]

        dot = lambda a, b: float(sum((x * y).sum() for x, y in zip(a, b)))
        scaled = lambda a, factor: [factor * x for x in a]
        generator = torch.Generator().manual_seed(seed)
        start = [torch.randn(w.shape, generator=generator, dtype=w.dtype).to(w.device) for w in weights]
        return _largest(product, dot, scaled, lambda a, b, factor: [x + factor * y for x, y in zip(a, b)], start, iterations)


def _largest(product, dot, scaled, added, start, iterations):
    """The largest eigenvalue of a symmetric operator and its residual, by Lanczos iterations with full orthogonalization."""
    basis, diagonal, beside = [scaled(start, dot(start, start) ** -0.5)], [], []
    for _ in range(iterations):
        image = product(basis[-1])
        diagonal.append(dot(basis[-1], image))
        # Twice, because once leaves the rounding of what was taken off.
        for _ in range(2):
            for x in basis:
                image = added(image, x, -dot(x, image))
        length = dot(image, image) ** 0.5
        matrix = torch.diag(torch.tensor(diagonal, dtype=torch.float64))
        if beside:
            off = torch.tensor(beside, dtype=torch.float64)
            matrix = matrix + torch.diag(off, 1) + torch.diag(off, -1)
        values, vectors = torch.linalg.eigh(matrix)
        value, residual = float(values[-1]), length * abs(float(vectors[-1, -1]))
        if residual <= 1e-12 * abs(value):
            break
        beside.append(length)
        basis.append(scaled(image, 1 / length))
    return value, residual
