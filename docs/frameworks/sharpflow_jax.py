"""Brings a JAX loss to `sharpflow`. It needs JAX (0.4.36 or later) and the NumPy that JAX brings, and nothing else.

    from sharpflow_jax import export, probe

    export(apply, params, inputs, targets, loss, "network")   # network.toml and network.npz
    probe(apply, params, inputs, targets, loss, "values")     # values.npz

and then

    sharpflow inspect network.toml
    sharpflow verify --network network.toml
    sharpflow check-derivatives network.toml values.npz

`export` writes the training loss, loss(apply(params, inputs), targets), as a network file, from JAX's own graph (a jaxpr) in double precision. The leaves
of `params` become groups of weights under their names; what depends on no parameter is computed and becomes data. An operation that the network file
has no words for is an `Unsupported` error with the operation and its place. With flax or equinox, `apply` takes the parameters first, as
`model.apply` does; partition an equinox module before.

`probe` computes derivatives of orders 1 to 3 of the same loss in double precision, by every pattern that JAX offers, along one random direction.
"""

import io
import math
import zipfile

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
from jax import grad, hessian, jacfwd, jacrev, jvp, vjp

try:
    from jax.extend.core import Literal
except ImportError:
    from jax.core import Literal

# ---------------------------------------------------------------------------------------------------------------- files


def _write_npz(path, arrays):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            held = io.BytesIO()
            np.lib.format.write_array(held, np.ascontiguousarray(np.asarray(array, np.float64)), allow_pickle=False)
            # Without a time the same numbers are the same bytes.
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), held.getvalue(), zipfile.ZIP_DEFLATED)


def _quoted(text):
    """A string as TOML has it."""
    escaped = "".join(c if c >= " " and c not in '"\\\x7f' else f"\\u{ord(c):04x}" for c in str(text))
    return f'"{escaped}"'


def _toml(value):
    # NumPy's numbers become Python's own.
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    return _quoted(value) if isinstance(value, str) else repr(value)


# -------------------------------------------------------------------------------------------------------------- the graph


class Unsupported(ValueError):
    """A part of a loss that a network file cannot say."""


def _double(tree):
    wide = lambda x: jnp.asarray(x, jnp.float64) if jnp.issubdtype(jnp.result_type(x), jnp.floating) else jnp.asarray(x)
    return jax.tree_util.tree_map(wide, tree)


def _name(path):
    """A leaf's place in its tree, as a name."""
    parts = [getattr(key, "key", getattr(key, "name", getattr(key, "idx", key))) for key in path]
    return ".".join(str(part) for part in parts) or "weights"


def export(apply, params, inputs, targets, loss, path, title=None):
    """Writes PATH.toml, the loss `loss(apply(params, inputs), targets)` as a network file, and PATH.npz, its numbers.

    Returns notes: sentences about what the file says otherwise than the function, though it is the same loss.
    """
    with jax.enable_x64(True):
        params, inputs, targets = _double(params), _double(inputs), _double(targets)
        closed = jax.make_jaxpr(lambda p, x, y: loss(apply(p, x), y))(params, inputs, targets)
        writer = _Writer(title or f"A loss from JAX {jax.__version__}")
        leaves, _ = jax.tree_util.tree_flatten_with_path(params)
        data = jax.tree_util.tree_leaves((inputs, targets))
        count = len(jax.tree_util.tree_leaves(inputs))
        hints = ["inputs" if k < count else "targets" for k in range(len(data))]
        values = [_Value(leaf, *writer.weight(_name(path), leaf)) for path, leaf in leaves]
        values += [_Value(leaf, hint=hint) for leaf, hint in zip(data, hints)]
        outputs = writer.run(closed.jaxpr, [_Value(jnp.asarray(c)) for c in closed.consts], values, "")
        if len(outputs) != 1 or outputs[0].array.size != 1:
            raise Unsupported("The loss must be one number.")
        if outputs[0].name is None:
            raise Unsupported("The loss depends on no parameter.")
        writer.output = writer.shaped(outputs[0], [])
        writer.write(path)
        return writer.notes


class _Value:
    """A value of the graph: its numbers at these weights and, where it depends on weights, its name in the network.

    Axes that only repeat have size 1 in the network, because operations there repeat them by themselves; `stored` is the shape that it has.
    """

    def __init__(self, array, name=None, stored=None, hint=None, is_maximum=False):
        self.array, self.name, self.hint, self.is_maximum = array, name, hint, is_maximum
        self.stored = list(np.shape(array)) if stored is None else list(stored)

    @property
    def shape(self):
        return list(np.shape(self.array))


class _Writer:
    """The network that a graph becomes."""

    def __init__(self, title):
        self.title = title
        self.weights, self.constants, self.nodes, self.arrays, self.notes = {}, {}, {}, {}, []
        self.taken = set()
        self.output = None
        self.at = self.scope = ""

    # Names and entries.

    def unique(self, name):
        name = "".join(c if c.isalnum() and c.isascii() or c in "_-." else "_" for c in name)[:100] or "value"
        new, k = name, 2
        while new in self.taken:
            new, k = f"{name}_{k}", k + 1
        self.taken.add(new)
        return new

    def weight(self, name, leaf):
        if not jnp.issubdtype(jnp.result_type(leaf), jnp.floating):
            raise Unsupported(f"The parameter `{name}` holds no real numbers: give it to the loss as data.")
        name = self.unique(name)
        self.arrays[name] = leaf
        self.weights[name] = {"file": None, "array": name}
        return name, np.shape(leaf)

    def constant(self, array, hint=None):
        name = self.unique(hint or f"{self.at}.number")
        array = np.asarray(array, np.float64)
        if np.isnan(array).any():
            self.refuse("a constant that is no number.")
        if array.size == 1 and array.ndim <= 1:
            self.constants[name] = {"shape": list(array.shape), "values": [max(float(array.reshape(())), -1e30)]}
        else:
            self.arrays[name] = np.maximum(array, -1e30)
            self.constants[name] = {"file": None, "array": name}
        return name

    def node(self, op, *of, hint=None, **parameters):
        name = self.unique(hint or self.at)
        self.nodes[name] = {"op": op, "of": list(of), **parameters}
        return name

    def write(self, path):
        numbers = f"{path}.npz".replace("\\", "/").rsplit("/", 1)[-1]
        lines = [f"# Written by sharpflow_jax.py with JAX {jax.__version__}."] + [f"# {note}" for note in self.notes]
        lines += [f"title = {_toml(self.title)}", f"output = {_toml(self.output)}"]
        for table, entries in (("weights", self.weights), ("constants", self.constants), ("nodes", self.nodes)):
            lines += ["", f"[{table}]"]
            for name, entry in entries.items():
                entry = {key: numbers if key == "file" else value for key, value in entry.items()}
                lines.append(f"{_toml(name)} = {{ " + ", ".join(f"{key} = {_toml(value)}" for key, value in entry.items()) + " }")
        with open(f"{path}.toml", "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        _write_npz(f"{path}.npz", self.arrays)

    def refuse(self, why):
        raise Unsupported(f"At `{self.at}`" + (f" of `{self.scope}`" if self.scope else "") + f": {why}")

    # Values.

    def name(self, value):
        if value.name is None:
            value.name = self.constant(value.array, value.hint)
        return value.name

    def shaped(self, value, shape):
        """A value's name, with this shape of as many numbers."""
        name, stored = self.full(value)
        return name if stored == list(shape) else self.node("reshape", name, hint=f"{self.at}.shape", shape=list(shape))

    def full(self, value):
        """A value's name and shape, all repeated axes written out."""
        name = self.name(value)
        if value.stored != value.shape:
            ones = self.constant(np.ones(value.shape), f"{self.at}.ones")
            value.name, value.stored = self.node("multiply", name, ones, hint=f"{self.at}.wide"), value.shape
        return value.name, value.stored

    def moved(self, name, order, hint="order"):
        return name if list(order) == list(range(len(order))) else self.node("transpose", name, hint=f"{self.at}.{hint}", order=list(order))

    # Reading the graph.

    def run(self, jaxpr, consts, arguments, scope):
        known = dict(zip(jaxpr.constvars, consts))
        known.update(zip(jaxpr.invars, arguments))
        read = lambda v: _Value(jnp.asarray(v.val)) if isinstance(v, Literal) else known[v]
        for eqn in jaxpr.eqns:
            inputs = [read(v) for v in eqn.invars]
            outputs = self.equation(eqn, inputs, scope)
            known.update(zip(eqn.outvars, outputs))
        return [read(v) for v in jaxpr.outvars]

    def equation(self, eqn, inputs, scope):
        primitive, parameters = eqn.primitive.name, eqn.params
        self.scope = scope
        inner = parameters.get("jaxpr", parameters.get("call_jaxpr"))
        depends = any(x.name is not None and x.name not in self.constants for x in inputs)
        if inner is not None and primitive in ("jit", "pjit", "custom_jvp_call", "closed_call", "core_call", "remat", "remat2", "checkpoint"):
            called = parameters.get("name", primitive)
            known = getattr(self, "call_" + str(called), None)
            if depends and known is not None and len(inputs) == 1:
                self.at = called
                result = self.bound(eqn, inputs)
                # A function of the user's own may have the name of one of JAX.
                if np.array_equal(result[0], getattr(jax.nn, called)(inputs[0].array)):
                    return [_Value(result[0], *known(inputs[0], inner))]
            consts = [_Value(jnp.asarray(c)) for c in getattr(inner, "consts", [])]
            return self.run(getattr(inner, "jaxpr", inner), consts, inputs, f"{scope}/{called}" if scope else str(called))
        self.at = primitive
        if not depends:
            return [_Value(array) for array in self.bound(eqn, inputs)]
        handler = getattr(self, "on_" + primitive.replace("-", "_"), None)
        if handler is None:
            self.refuse(f"the operation `{primitive}` has no counterpart in a network file. Write it in others that have one.")
        result = self.bound(eqn, inputs)
        if primitive == "split":
            return [_Value(array, *one) for array, one in zip(result, handler(inputs, result, **parameters))]
        made = handler(inputs, result[0], **parameters)
        return [made if isinstance(made, _Value) else _Value(result[0], *made)]

    @staticmethod
    def bound(eqn, inputs):
        # JAX gave the functions among the parameters by themselves up to 0.8.
        parameters = eqn.primitive.get_bind_params(eqn.params)
        functions, parameters = parameters if isinstance(parameters, tuple) else ((), parameters)
        result = eqn.primitive.bind(*functions, *(x.array for x in inputs), **parameters)
        return list(result) if eqn.primitive.multiple_results else [result]

    # Functions that JAX writes out in a way that hides what they are.

    def call_relu(self, x, _):
        return self.node("relu", self.name(x)), x.stored

    def call_softplus(self, x, _):
        return self.node("softplus", self.name(x)), x.stored

    def call_log_softmax(self, x, inner):
        axes = next((e.params["axes"] for e in inner.jaxpr.eqns if e.primitive.name == "reduce_max"), None)
        if axes is None or len(axes) != 1:
            self.refuse("a softmax over several axes.")
        softmax = self.node("softmax", self.full(x)[0], hint=f"{self.at}.softmax", axis=axes[0])
        return self.node("log", softmax), x.shape

    # Entry by entry.

    def two(self, op, x, y, result):
        ranks = {len(x.stored), len(y.stored)} - {0}
        if len(ranks) > 1:
            self.refuse("arrays of several ranks.")
        return self.node(op, self.name(x), self.name(y)), list(np.broadcast_shapes(tuple(x.stored), tuple(y.stored)))

    @staticmethod
    def number(x):
        """A number that depends on no weight, or None."""
        if x.name is None and (np.size(x.array) == 1 or np.ptp(np.asarray(x.array, np.float64)) == 0):
            return float(np.asarray(x.array, np.float64).reshape(-1)[0])
        return None

    def on_add(self, of, result, **_):
        return self.two("add", *of, result)

    on_add_any = on_add

    def on_sub(self, of, result, **_):
        return self.two("subtract", *of, result)

    def on_mul(self, of, result, **_):
        for x, y in (of, of[::-1]):
            if (factor := self.number(y)) is not None:
                return self.node("scale", self.name(x), factor=factor), x.stored
        return self.two("multiply", *of, result)

    def on_div(self, of, result, **_):
        x, y = of
        if (divisor := self.number(y)) is not None:
            if abs(math.frexp(divisor)[0]) == 0.5:
                return self.node("scale", self.name(x), factor=1.0 / divisor), x.stored
            return self.node("divide", self.name(x), self.constant(np.float64(divisor))), x.stored
        return self.two("divide", *of, result)

    def on_neg(self, of, result, **_):
        return self.node("scale", self.name(of[0]), factor=-1.0), of[0].stored

    def power(self, x, exponent):
        if exponent == 0 or not float(2 * exponent).is_integer() or abs(exponent) > 16:
            self.refuse("a power whose exponent is not a multiple of 1/2 within 16.")
        return self.node("power", self.name(x), exponent=float(exponent)), x.stored

    def on_integer_pow(self, of, result, y, **_):
        return self.power(of[0], y)

    def on_pow(self, of, result, **_):
        exponent = self.number(of[1])
        return self.power(of[0], math.nan if exponent is None else exponent)

    def on_square(self, of, result, **_):
        return self.node("multiply", self.name(of[0]), self.name(of[0])), of[0].stored

    def on_rsqrt(self, of, result, **_):
        return self.power(of[0], -0.5)

    def entrywise(op):
        return lambda self, of, result, **_: (self.node(op, self.name(of[0])), of[0].stored)

    on_sqrt, on_exp, on_log, on_tanh, on_logistic = map(entrywise, ("square_root", "exp", "log", "tanh", "logistic"))
    on_sin, on_cos, on_erf, on_abs = map(entrywise, ("sin", "cos", "erf", "abs"))
    del entrywise

    def on_log1p(self, of, result, **_):
        shifted = self.node("add", self.name(of[0]), self.constant(np.float64(1.0)), hint=f"{self.at}.shifted")
        return self.node("log", shifted), of[0].stored

    def on_expm1(self, of, result, **_):
        grown = self.node("exp", self.name(of[0]), hint=f"{self.at}.exp")
        return self.node("subtract", grown, self.constant(np.float64(1.0))), of[0].stored

    def on_erfc(self, of, result, **_):
        error = self.node("erf", self.name(of[0]), hint=f"{self.at}.erf")
        return self.node("subtract", self.constant(np.float64(1.0)), error), of[0].stored

    def bounded(self, of, sign):
        x, y = of if of[1].name is None else of[::-1]
        bound = self.number(y)
        if bound is None:
            self.refuse("a maximum or minimum of two arrays.")
        if bound == -sign * math.inf:
            return _Value(x.array, x.name, x.stored, is_maximum=x.is_maximum)
        turned = self.name(x) if sign > 0 else self.node("scale", self.name(x), hint=f"{self.at}.turned", factor=-1.0)
        low = self.constant(np.float64(sign * bound)) if bound else None
        inner = self.node("subtract", turned, low, hint=f"{self.at}.inner") if bound else turned
        name = self.node("relu", inner, hint=f"{self.at}.relu" if bound or sign < 0 else None)
        name = self.node("add", name, low) if bound else name
        return (name if sign > 0 else self.node("scale", name, factor=-1.0)), x.stored

    def on_max(self, of, result, **_):
        return self.bounded(of, 1)

    def on_min(self, of, result, **_):
        return self.bounded(of, -1)

    def on_select_n(self, of, result, **_):
        which, *cases = of
        if which.name is not None:
            self.refuse("a choice that depends on weights (`jnp.where`).")
        which = np.broadcast_to(np.asarray(which.array, int), np.shape(result))
        total = None
        for k, case in enumerate(cases):
            mask = (which == k).astype(float)
            if not mask.any():
                continue
            if mask.all():
                return _Value(case.array, self.name(case), case.stored)
            if case.name is None:
                part = self.constant(np.where(mask > 0, np.broadcast_to(case.array, np.shape(result)), 0.0), f"{self.at}.filled")
            else:
                part = self.node("multiply", self.name(case), self.constant(mask, f"{self.at}.mask"), hint=f"{self.at}.part")
            total = part if total is None else self.node("add", total, part)
        return total, np.shape(result)

    def on_stop_gradient(self, of, result, **_):
        # Softmax and its kin take their largest entry off, which changes nothing: any number will do in its place, and its own is the safest.
        if not of[0].is_maximum:
            self.refuse("the gradient stops here (`stop_gradient`), so that what is followed is not the gradient of the loss.")
        return _Value(result)

    def on_convert_element_type(self, of, result, **_):
        if not jnp.issubdtype(result.dtype, jnp.floating):
            self.refuse("a value of the weights that becomes a whole number.")
        if result.dtype != jnp.float64:
            self.refuse(f"a cast to {result.dtype}, which rounds. The loss is exported in double precision: leave the cast out.")
        return _Value(result, self.name(of[0]), of[0].stored)

    def on_copy(self, of, result, **_):
        return _Value(result, self.name(of[0]), of[0].stored)


    # Shapes.

    def on_broadcast_in_dim(self, of, result, shape, broadcast_dimensions, **_):
        (x,) = of
        stored = [1] * len(shape)
        for axis, size in zip(broadcast_dimensions, x.stored):
            stored[axis] = size
        name = self.name(x)
        if stored != x.stored:
            name = self.node("reshape", name, hint=f"{self.at}.shape", shape=stored)
        return _Value(result, name, stored, is_maximum=x.is_maximum)

    def on_reshape(self, of, result, **_):
        return _Value(result, self.shaped(of[0], np.shape(result)), is_maximum=of[0].is_maximum)

    on_squeeze = on_expand_dims = on_reshape

    def on_transpose(self, of, result, permutation, **_):
        return self.moved(self.name(of[0]), permutation), [of[0].stored[k] for k in permutation]

    def on_concatenate(self, of, result, dimension, **_):
        parts = [self.full(x)[0] for x in of if np.size(x.array) > 0]
        return (parts[0] if len(parts) == 1 else self.node("concatenate", *parts, axis=dimension)), np.shape(result)

    def on_slice(self, of, result, start_indices, limit_indices, strides=None, **_):
        name, shape = self.full(of[0])
        for axis, (start, end) in enumerate(zip(start_indices, limit_indices)):
            step = strides[axis] if strides else 1
            if (start, end, step) != (0, shape[axis], 1):
                name = self.node("slice", name, axis=axis, start=start, end=end, step=step)
        return name, np.shape(result)

    def on_split(self, of, results, sizes, axis, **_):
        name, _ = self.full(of[0])
        ends = np.cumsum(sizes)
        parts = [self.node("slice", name, axis=axis, start=int(end - size), end=int(end)) for end, size in zip(ends, sizes)]
        return [(part, np.shape(result)) for part, result in zip(parts, results)]

    def picked(self, of, result, **parameters):
        """An operation that only picks entries of its first input: which ones is seen from numbers in their place."""
        x, *others = of
        if any(other.name is not None and other.name not in self.constants for other in others):
            self.refuse("an index that depends on weights.")
        primitive = getattr(jax.lax, self.at + "_p")
        count = np.size(x.array)
        places = np.arange(count, dtype=np.float64).reshape(x.shape)
        picked = np.asarray(primitive.bind(jnp.asarray(places), *(other.array for other in others), **parameters))
        if not np.isfinite(picked).all():
            self.refuse("an index outside of the array.")
        table = self.shaped(x, [count, 1])
        indices = self.constant(picked, f"{self.at}.indices")
        found = self.node("embedding", table, indices, hint=f"{self.at}.entries")
        return self.node("reshape", found, shape=list(np.shape(result))), np.shape(result)

    on_gather = on_dynamic_slice = on_rev = picked

    def on_pad(self, of, result, padding_config, **_):
        name, shape = self.full(of[0])
        if self.number(of[1]) != 0 or any(inner != 0 or low < 0 or high < 0 for low, high, inner in padding_config):
            self.refuse("padding other than with zeros around.")
        for axis, (low, high, _) in enumerate(padding_config):
            zeros = lambda size: self.constant(np.zeros(shape[:axis] + [size] + shape[axis + 1 :]), f"{self.at}.zeros")
            parts = ([zeros(low)] if low else []) + [name] + ([zeros(high)] if high else [])
            name = self.node("concatenate", *parts, axis=axis) if len(parts) > 1 else name
            shape = shape[:axis] + [shape[axis] + low + high] + shape[axis + 1 :]
        return name, np.shape(result)

    # Sums and products.

    def reduced(self, op, of, axes, result):
        (x,) = of
        name, shape = self.full(x)
        if not axes:
            return name, shape
        kept = [1 if k in axes else size for k, size in enumerate(shape)]
        name = self.node(op, name, axes=list(axes))
        after = list(np.shape(result))
        return (name if kept == after else self.node("reshape", name, hint=f"{self.at}.shape", shape=after)), after

    def on_reduce_sum(self, of, result, axes, **_):
        return self.reduced("sum", of, axes, result)

    def on_reduce_max(self, of, result, axes, **_):
        return _Value(result, *self.reduced("maximum", of, axes, result), is_maximum=True)

    def on_dot_general(self, of, result, dimension_numbers, **_):
        (contract_x, contract_y), (batch_x, batch_y) = dimension_numbers
        x, y = of
        free_x = [k for k in range(len(x.shape)) if k not in (*contract_x, *batch_x)]
        free_y = [k for k in range(len(y.shape)) if k not in (*contract_y, *batch_y)]
        batch = [x.shape[k] for k in batch_x]
        inner = math.prod(x.shape[k] for k in contract_x)
        rows, columns = math.prod(x.shape[k] for k in free_x), math.prod(y.shape[k] for k in free_y)

        def as_matrices(value, order, shape, hint):
            name, _ = self.full(value)
            name, moved = self.moved(name, order, hint), [value.shape[k] for k in order]
            return name if moved == shape else self.node("reshape", name, hint=f"{self.at}.{hint}.shape", shape=shape)

        left = as_matrices(x, [*batch_x, *free_x, *contract_x], [*batch, rows, inner], "left")
        right = as_matrices(y, [*batch_y, *contract_y, *free_y], [*batch, inner, columns], "right")
        name = self.node("matrix_product", left, right)
        after = list(np.shape(result))
        return (name if after == [*batch, rows, columns] else self.node("reshape", name, hint=f"{self.at}.shape", shape=after)), after

    def on_conv_general_dilated(
        self, of, result, window_strides, padding, lhs_dilation, rhs_dilation, dimension_numbers, feature_group_count, batch_group_count, **_
    ):
        x, kernel = of
        places = len(window_strides)
        same = lambda values, what: values[0] if len(set(values)) == 1 else self.refuse(f"{what} {list(values)}: a network file has one for all axes.")
        if places > 2 or any(d != 1 for d in lhs_dilation) or batch_group_count != 1:
            self.refuse("a transposed convolution, or one over more than two axes.")
        if any(low != high for low, high in padding):
            self.refuse(f"padding {padding} that is not the same on both sides.")
        lhs, rhs, out = dimension_numbers.lhs_spec, dimension_numbers.rhs_spec, dimension_numbers.out_spec
        name = self.moved(self.full(x)[0], [lhs[0], *lhs[2:], lhs[1]], "last")
        kernels = self.moved(self.full(kernel)[0], [rhs[0], *rhs[2:], rhs[1]], "kernels")
        outputs, inner, *window = (kernel.shape[k] for k in rhs)
        rows = self.node("reshape", kernels, hint=f"{self.at}.rows", shape=[outputs, inner * math.prod(window)])
        parameters = {
            "window": list(window),
            "stride": same(window_strides, "strides of"),
            "padding": same([low for low, _ in padding], "paddings of"),
            "dilation": same(rhs_dilation, "dilations of"),
            "groups": feature_group_count,
        }
        name = self.node("convolution", name, rows, hint=f"{self.at}.convolution", **parameters)
        # out[j] is the axis of the result that holds the batch, the channels, and the places.
        order = [0] * (places + 2)
        for axis, source in zip(out, [0, places + 1, *range(1, places + 1)]):
            order[axis] = source
        return self.moved(name, order, "back"), np.shape(result)

    def pool(self, op, of, result, window_dimensions, window_strides, padding, base_dilation, window_dilation, **_):
        x = of[0]
        name, shape = self.full(x)
        moving = [k for k, size in enumerate(window_dimensions) if size > 1]
        same = lambda values, what: values[0] if len(set(values)) == 1 else self.refuse(f"{what} {list(values)}: a network file has one for all axes.")
        if not 1 <= len(moving) <= 2 or len(shape) != len(moving) + 2 or 0 in moving or any(d != 1 for d in base_dilation):
            self.refuse("a pool whose windows are not over one or two axes of a batch of channels.")
        if any(low != high for low, high in padding):
            self.refuse(f"padding {padding} that is not the same on both sides.")
        pads = same([padding[k][0] for k in moving], "paddings of")
        if pads and op == "max_pool" and float(np.min(x.array)) < 0:
            self.refuse("a padded zero counts in a maximum of a network file, and some inputs are negative.")
        channels = next(k for k in range(1, len(shape)) if k not in moving)
        order = [0, *moving, channels]
        name = self.node(
            op,
            self.moved(name, order, "last"),
            hint=f"{self.at}.pool",
            window=[window_dimensions[k] for k in moving],
            stride=same([window_strides[k] for k in moving], "strides of"),
            padding=pads,
            dilation=same([window_dilation[k] for k in moving], "dilations of"),
        )
        return self.moved(name, [order.index(k) for k in range(len(order))], "back"), np.shape(result)

    def on_reduce_window_max(self, of, result, **parameters):
        return self.pool("max_pool", of, result, **parameters)

    def on_reduce_window_sum(self, of, result, **parameters):
        name, stored = self.pool("average_pool", of, result, **parameters)
        return self.node("scale", name, factor=float(math.prod(parameters["window_dimensions"]))), stored


# ------------------------------------------------------------------------------------------------------------ derivatives


def _twice(f, v):
    return lambda w: grad(f)(w) @ v


def _along(f, v):
    return lambda w: jvp(f, (w,), (v,))[1]


def _dense(matrix, times):
    def derivative(f, w, v):
        found = matrix(f)(w)
        for _ in range(times):
            found = found @ v
        return found

    return derivative


# By order: ∇L, ∇²L v and ∇³L[v, v], each by its patterns. Those in the second table make arrays of D² or D³ numbers.
PATTERNS = {
    1: {
        "grad": lambda f, w, v: grad(f)(w),
        "vjp": lambda f, w, v: vjp(f, w)[1](jnp.ones((), w.dtype))[0],
    },
    2: {
        "grad(grad)": lambda f, w, v: grad(_twice(f, v))(w),
        "jvp(grad)": lambda f, w, v: jvp(grad(f), (w,), (v,))[1],
        "grad(jvp)": lambda f, w, v: grad(_along(f, v))(w),
    },
    3: {
        "grad(grad(grad))": lambda f, w, v: grad(lambda u: grad(_twice(f, v))(u) @ v)(w),
        "jvp(grad(grad))": lambda f, w, v: jvp(grad(_twice(f, v)), (w,), (v,))[1],
        "grad(jvp(grad))": lambda f, w, v: grad(lambda u: jvp(grad(f), (u,), (v,))[1] @ v)(w),
        "grad(grad(jvp))": lambda f, w, v: grad(lambda u: grad(_along(f, v))(u) @ v)(w),
        "jvp(jvp(grad))": lambda f, w, v: jvp(lambda u: jvp(grad(f), (u,), (v,))[1], (w,), (v,))[1],
        "jvp(grad(jvp))": lambda f, w, v: jvp(grad(_along(f, v)), (w,), (v,))[1],
        "grad(jvp(jvp))": lambda f, w, v: grad(_along(_along(f, v), v))(w),
    },
}
DENSE = {
    1: {"jacfwd": _dense(jacfwd, 0)},
    2: {
        "hessian": _dense(hessian, 1),
        "jacrev(jacrev)": _dense(lambda f: jacrev(jacrev(f)), 1),
        "jacfwd(jacfwd)": _dense(lambda f: jacfwd(jacfwd(f)), 1),
    },
    3: {
        "jacrev(jacrev(jacrev))": _dense(lambda f: jacrev(jacrev(jacrev(f))), 2),
        "jacfwd(jacfwd(jacrev))": _dense(lambda f: jacfwd(jacfwd(jacrev(f))), 2),
        "jacrev(hessian)": _dense(lambda f: jacrev(hessian(f)), 2),
    },
}
# The most numbers of a dense array of derivatives.
MOST_DENSE = 2**17


def probe(apply, params, inputs, targets, loss, path, seed=0):
    """Writes PATH.npz: derivatives of `loss(apply(params, inputs), targets)` by all patterns, for `sharpflow check-derivatives`.

    Arrays are vectors in the order of the leaves of `params`: the `weights`, the `direction` v, and `ORDER | PATTERN` for L, ∇L, ∇²L v and ∇³L[v, v]. A
    pattern that JAX refuses, as a function with a derivative of its own may, is an empty array.
    """
    with jax.enable_x64(True):
        params, inputs, targets = _double(params), _double(inputs), _double(targets)
        leaves, tree = jax.tree_util.tree_flatten(params)
        ends = np.cumsum([np.size(leaf) for leaf in leaves])

        def f(w):
            parts = [part.reshape(np.shape(leaf)) for part, leaf in zip(jnp.split(w, ends[:-1]), leaves)]
            return loss(apply(jax.tree_util.tree_unflatten(tree, parts), inputs), targets)

        w = jnp.concatenate([jnp.ravel(leaf) for leaf in leaves])
        v = np.random.default_rng(seed).normal(size=w.size)
        v = jnp.asarray(v / np.linalg.norm(v))
        arrays = {f"framework | JAX {jax.__version__}": w[:0], "weights": w, "direction": v, "0 | the loss": jnp.reshape(f(w), (1,))}
        for order in PATTERNS:
            dense = DENSE[order] if w.size**order <= MOST_DENSE else {}
            for name, pattern in {**PATTERNS[order], **dense}.items():
                try:
                    arrays[f"{order} | {name}"] = jax.jit(lambda w, v, pattern=pattern: pattern(f, w, v))(w, v)
                except (TypeError, NotImplementedError, ValueError):
                    arrays[f"{order} | {name}"] = w[:0]
        _write_npz(f"{path}.npz", arrays)


# -------------------------------------------------------------------------------------------------------------- sharpness


def sharpness(f, params, iterations=40, seed=0):
    """λ₁, the largest eigenvalue of the Hessian of the loss `f(params)`, and the residual ‖Hx − λ₁x‖, for a log of `recorder.py`.

    It is found by Lanczos iterations on products ∇²L x, in the precision of the parameters. The products are `jvp(grad)`: this pattern is right.
    """
    w, whole = jax.flatten_util.ravel_pytree(params)
    flat = lambda x: jax.flatten_util.ravel_pytree(x)[0]
    product = jax.jit(lambda x: flat(jvp(grad(f), (params,), (whole(x),))[1]))
    start = np.random.default_rng(seed).normal(size=w.size)
    basis, diagonal, beside = [jnp.asarray(start / np.linalg.norm(start), w.dtype)], [], []
    for _ in range(min(iterations, w.size)):
        image = product(basis[-1])
        diagonal.append(float(basis[-1] @ image))
        # Twice, because once leaves the rounding of what was taken off.
        for _ in range(2):
            for x in basis:
                image = image - (x @ image) * x
        length = float(jnp.linalg.norm(image))
        values, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1))
        value, residual = float(values[-1]), length * abs(float(vectors[-1, -1]))
        if residual <= 1e-12 * abs(value):
            break
        beside.append(length)
        basis.append(image / length)
    return value, residual
