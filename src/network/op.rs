use std::fmt;

use super::activation::Activation;
use super::error::Fault;
use super::shape::{MOST_AXES, MOST_NUMBERS, Reduction, Shape};

/// Where the numbers of a constant come from, so that a file need not list them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// They are given one by one.
    Given,
    /// Standard normal draws from a seed.
    Normal { seed: u64 },
}

/// Data: an array of finite numbers in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    pub shape: Shape,
    pub values: Vec<f64>,
    pub origin: Origin,
    /// Whether each column was given mean 0 and variance 1 after it was read or drawn.
    pub standardized: bool,
}

/// (x − mean)/size over some axes, the one kernel of batch, layer, group and RMS norm, weight norm and scaled weight
/// standardization: size² = ε + Σ(x − mean)², divided by the count where `averaged`.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalization {
    pub axes: Vec<usize>,
    /// ε ≥ 0. Any ε > 0 breaks scale invariance.
    pub epsilon: f64,
    /// Whether the mean is subtracted.
    pub centred: bool,
    /// Whether the size is a root mean square, not a length.
    pub averaged: bool,
}

/// What a node does with its inputs.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// A group of weights.
    Weight(Shape),
    /// Data.
    Constant(Constant),
    /// Left (…×m×k) times right (k×n, or …×k×n with the same leading axes); the right one's last two axes exchanged first
    /// where `transpose_right`.
    MatrixProduct {
        transpose_right: bool,
    },
    /// Entrywise, with axes of size 1 repeated; so are the next three.
    Add,
    Subtract,
    Multiply,
    Divide,
    /// A constant factor.
    Scale(f64),
    /// Entrywise.
    SquareRoot,
    /// Entrywise.
    Activation(Activation),
    /// Over some axes, which stay with size 1; so with the next two.
    Sum {
        axes: Vec<usize>,
    },
    Mean {
        axes: Vec<usize>,
    },
    /// Not smooth.
    Maximum {
        axes: Vec<usize>,
    },
    /// Axes in a new order: axis k of the result is axis `order[k]` of the input.
    Transpose {
        order: Vec<usize>,
    },
    /// The same numbers in another shape.
    Reshape(Shape),
    /// Every `step`-th of the entries `start..end` along an axis.
    Slice {
        axis: usize,
        start: usize,
        end: usize,
        step: usize,
    },
    /// The windows of a batch of signals (batch × length × channels) or images (batch × height × width × channels), padded with
    /// zeros: positions × places in the window × channels.
    Patches {
        window: Vec<usize>,
        stride: usize,
        padding: usize,
    },
    /// See [`Normalization`].
    Normalize(Normalization),
    /// f(x)/Σf(x) along an axis; f is the exponential or, for exact arithmetic, another positive function.
    Softmax {
        axis: usize,
        function: Activation,
    },
    /// mean((a − b)²), a number.
    MeanSquaredError,
    /// −Σ_c t_c log softmax(z)_c over the last axis, averaged over the others: logits z and targets t, a number.
    CrossEntropy,
}

impl Op {
    /// Its name in network files.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Weight(_) => "weight",
            Self::Constant(_) => "constant",
            Self::MatrixProduct { .. } => "matrix_product",
            Self::Add => "add",
            Self::Subtract => "subtract",
            Self::Multiply => "multiply",
            Self::Divide => "divide",
            Self::Scale(_) => "scale",
            Self::SquareRoot => "square_root",
            Self::Activation(activation) => activation.name(),
            Self::Sum { .. } => "sum",
            Self::Mean { .. } => "mean",
            Self::Maximum { .. } => "maximum",
            Self::Transpose { .. } => "transpose",
            Self::Reshape(_) => "reshape",
            Self::Slice { .. } => "slice",
            Self::Patches { .. } => "patches",
            Self::Normalize(_) => "normalize",
            Self::Softmax { .. } => "softmax",
            Self::MeanSquaredError => "mean_squared_error",
            Self::CrossEntropy => "cross_entropy",
        }
    }

    /// Whether the result is infinitely differentiable wherever it is defined.
    pub fn is_smooth(&self) -> bool {
        match self {
            Self::Maximum { .. } => false,
            Self::Activation(activation) => activation.is_smooth(),
            _ => true,
        }
    }

    /// Whether it exists over a prime field.
    pub fn is_algebraic(&self) -> bool {
        match self {
            Self::CrossEntropy => false,
            Self::Activation(function) | Self::Softmax { function, .. } => function.is_algebraic(),
            _ => true,
        }
    }

    fn arity(&self) -> usize {
        match self {
            Self::Weight(_) | Self::Constant(_) => 0,
            Self::MatrixProduct { .. }
            | Self::Add
            | Self::Subtract
            | Self::Multiply
            | Self::Divide
            | Self::MeanSquaredError
            | Self::CrossEntropy => 2,
            _ => 1,
        }
    }

    /// The result's shape.
    pub(super) fn shape(&self, inputs: &[&Shape]) -> Result<Shape, Fault> {
        if inputs.len() != self.arity() {
            return Err(Fault::Arity { op: self.name(), expected: self.arity(), found: inputs.len() });
        }
        match (self, inputs) {
            (Self::Weight(shape), _) => Ok(shape.clone()),
            (Self::Constant(constant), _) => constant.check().map(|()| constant.shape.clone()),
            (Self::MatrixProduct { transpose_right }, [left, right]) => product_shape(left, right, *transpose_right),
            (Self::Add | Self::Subtract | Self::Multiply | Self::Divide, [left, right]) => {
                left.broadcast(right).ok_or_else(|| Fault::Broadcast { left: (*left).clone(), right: (*right).clone() })
            }
            (Self::Scale(factor), [x]) if factor.is_finite() => Ok((*x).clone()),
            (Self::Scale(factor), _) => Err(Fault::NotFinite { what: "factor", value: *factor }),
            (Self::SquareRoot | Self::Activation(_), [x]) => Ok((*x).clone()),
            (Self::Sum { axes } | Self::Mean { axes } | Self::Maximum { axes }, [x]) => {
                check_axes(x, axes)?;
                let kept = x.axes().iter().enumerate().map(|(axis, &size)| if axes.contains(&axis) { 1 } else { size });
                shape_of(&kept.collect::<Vec<_>>())
            }
            (Self::Transpose { order }, [x]) => {
                let mut sorted = order.clone();
                sorted.sort_unstable();
                if !sorted.into_iter().eq(0..x.axes().len()) {
                    return Err(Fault::Order { order: order.clone(), axes: x.axes().len() });
                }
                shape_of(&order.iter().map(|&axis| x.axes()[axis]).collect::<Vec<_>>())
            }
            (Self::Reshape(shape), [x]) if shape.count() == x.count() => Ok(shape.clone()),
            (Self::Reshape(shape), [x]) => Err(Fault::Reshape { from: (*x).clone(), to: shape.clone() }),
            (Self::Slice { axis, start, end, step }, [x]) => {
                let size = axis_size(x, *axis)?;
                if !(start < end && *end <= size && *step > 0) {
                    return Err(Fault::Slice { start: *start, end: *end, step: *step, size });
                }
                let mut axes = x.axes().to_vec();
                axes[*axis] = (end - start).div_ceil(*step);
                shape_of(&axes)
            }
            (Self::Patches { window, stride, padding }, [x]) => {
                let places = patch_places(x, window, *stride, *padding)?;
                let count = |sizes: &[usize]| sizes.iter().try_fold(1usize, |count, &size| count.checked_mul(size));
                match (count(&places).and_then(|places| places.checked_mul(x.axes()[0])), count(window)) {
                    (Some(positions), Some(window)) => shape_of(&[positions, window, x.axes()[x.axes().len() - 1]]),
                    _ => Err(Fault::TooLarge),
                }
            }
            (Self::Normalize(Normalization { axes, epsilon, .. }), [x]) => {
                check_axes(x, axes)?;
                if !(*epsilon >= 0.0 && epsilon.is_finite()) {
                    return Err(Fault::Epsilon(*epsilon));
                }
                Ok((*x).clone())
            }
            (Self::Softmax { axis, .. }, [x]) => axis_size(x, *axis).map(|_| (*x).clone()),
            (Self::MeanSquaredError | Self::CrossEntropy, [left, right]) if left == right => Ok(Shape::number()),
            (_, [left, right]) => Err(Fault::Differ { left: (*left).clone(), right: (*right).clone() }),
            _ => Err(Fault::Arity { op: self.name(), expected: self.arity(), found: inputs.len() }),
        }
    }
}

impl Constant {
    fn check(&self) -> Result<(), Fault> {
        if self.values.len() != self.shape.count() {
            return Err(Fault::Length { found: self.values.len(), shape: self.shape.clone() });
        }
        match self.values.iter().position(|value| !value.is_finite()) {
            Some(entry) => Err(Fault::ConstantNotFinite { entry, value: self.values[entry] }),
            None => Ok(()),
        }
    }
}

/// How many places the window has along each axis.
pub(super) fn patch_places(
    shape: &Shape,
    window: &[usize],
    stride: usize,
    padding: usize,
) -> Result<Vec<usize>, Fault> {
    let axes = shape.axes();
    if !(1..=2).contains(&window.len()) || axes.len() != window.len() + 2 {
        return Err(Fault::WindowAxes { window: window.len(), shape: shape.clone() });
    }
    if stride == 0 || window.contains(&0) || padding > MOST_NUMBERS {
        return Err(Fault::Window { window: window.to_vec(), stride, padding, shape: shape.clone() });
    }
    let places = window.iter().zip(&axes[1..]).map(|(&window, &size)| {
        // A window that can lie in the padding alone would see nothing.
        let room = (size + 2 * padding).checked_sub(window).filter(|_| padding < window);
        room.map(|room| room / stride + 1)
    });
    places.collect::<Option<Vec<_>>>().ok_or_else(|| Fault::Window {
        window: window.to_vec(),
        stride,
        padding,
        shape: shape.clone(),
    })
}

/// Batches, m, k, n of a matrix product. Where the right one has no leading axes, those of the left are more rows.
pub(super) fn product_sizes(left: &Shape, right: &Shape, out: &Shape) -> (usize, usize, usize, usize) {
    let last = |shape: &Shape, k: usize| shape.axes()[shape.axes().len() - k];
    let (k, n) = (last(left, 1), last(out, 1));
    let batches = if right.axes().len() == 2 { 1 } else { right.count() / (k * n) };
    (batches, out.count() / (batches * n), k, n)
}

fn product_shape(left: &Shape, right: &Shape, transpose_right: bool) -> Result<Shape, Fault> {
    let wrong = || Fault::MatrixProduct { left: left.clone(), right: right.clone(), transpose_right };
    let ([.., _, k], [.., a, b]) = (left.axes(), right.axes()) else {
        return Err(wrong());
    };
    let (inner, columns) = if transpose_right { (b, a) } else { (a, b) };
    let leading = |shape: &Shape| shape.axes()[..shape.axes().len() - 2].to_vec();
    if inner != k || !(right.axes().len() == 2 || leading(left) == leading(right)) {
        return Err(wrong());
    }
    let mut axes = left.axes().to_vec();
    if let Some(last) = axes.last_mut() {
        *last = *columns;
    }
    shape_of(&axes)
}

fn shape_of(axes: &[usize]) -> Result<Shape, Fault> {
    Shape::new(axes).ok_or(Fault::TooLarge)
}

fn axis_size(shape: &Shape, axis: usize) -> Result<usize, Fault> {
    shape.axes().get(axis).copied().ok_or_else(|| Fault::Axis { axis, shape: shape.clone() })
}

/// Axes of a reduction: there, each once, at least one, and within what [`Reduction`] can say.
fn check_axes(shape: &Shape, axes: &[usize]) -> Result<(), Fault> {
    for &axis in axes {
        axis_size(shape, axis)?;
    }
    let unique = axes.iter().enumerate().all(|(k, axis)| !axes[..k].contains(axis));
    if axes.is_empty() || axes.len() > MOST_AXES || !unique || Reduction::new(shape, axes).is_none() {
        return Err(Fault::Axes { axes: axes.to_vec(), shape: shape.clone() });
    }
    Ok(())
}

impl fmt::Display for Normalization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mean = if self.centred { "(x − mean)" } else { "x" };
        let size = match (self.centred, self.averaged) {
            (true, true) => "standard deviation",
            (false, true) => "root mean square",
            (_, false) => "length",
        };
        write!(f, "{mean}/{size} over {}", axes_text(&self.axes))?;
        if self.epsilon > 0.0 { write!(f, ", ε = {:e}", self.epsilon) } else { Ok(()) }
    }
}

/// "axis 0" or "axes 0, 2".
pub(super) fn axes_text(axes: &[usize]) -> String {
    let list = axes.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    format!("{} {list}", if axes.len() == 1 { "axis" } else { "axes" })
}
