//! The operations of networks: a file a family, and in it all that an operation is.
//!
//! An operation is added by a type that is an `Operation`, in a file of its own or in its family's, and by its line in `operations!` below.

mod activation;
mod concatenate;
mod entrywise;
mod kernel;
mod losses;
mod normalize;
mod parameters;
mod patches;
mod piece;
mod power;
mod product;
mod rearrange;
mod reduce;
mod reductions;
mod softmax;
mod source;
mod take;

use std::fmt;

use super::complexity::{Fraction, Roots};
use super::degree::{Degree, Operands};
use super::error::Fault;
use super::reason::Reason;
use super::shape::{MOST_AXES, Reduction, Shape, list};

pub use activation::Activation;
pub use concatenate::Concatenate;
pub use entrywise::{Add, Divide, Multiply, Scale, SquareRoot, Subtract};
pub use losses::{CrossEntropy, MeanSquaredError};
pub use normalize::Normalization;
pub use patches::Patches;
pub use piece::Piece;
pub use power::Power;
pub use product::MatrixProduct;
pub use rearrange::{Reshape, Slice, Transpose};
pub use reductions::{Maximum, Mean, Sum, Total};
pub use softmax::Softmax;
pub use source::{Constant, Origin, Weight};
pub use take::Take;

pub(super) use kernel::{Before, Inputs, Kernel, Source};
pub(crate) use parameters::{ParameterError, Parameters};

/// What a node does with its inputs. Nothing has a default: whoever adds an operation says all of it.
pub(super) trait Operation: Clone + fmt::Debug + PartialEq + Into<Op> {
    /// Its names in network files, its own first; none of what a file has a table of its own for.
    const NAMES: &'static [&'static str];

    /// Reads it under one of these names with its parameters.
    ///
    /// # Errors
    /// A parameter that is missing, or not what it should be.
    fn read(name: &str, parameters: &mut Parameters<'_>) -> Result<Self, ParameterError>;

    /// What it is, in a few words and numbers.
    fn facts(&self) -> Facts;

    /// Its parameters as a network file has them: names and values.
    fn parameters(&self) -> Vec<(&'static str, String)>;

    /// The result's shape, for as many inputs as it has.
    ///
    /// # Errors
    /// Inputs or parameters that do not fit.
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, Fault>;

    /// The result's degree in a group of weights, of which the degrees of the inputs are known.
    ///
    /// # Errors
    /// Why it cannot be told.
    fn degree(&self, operands: &Operands<'_>) -> Result<Degree, Reason>;

    /// The degrees of the result as a fraction of polynomials and roots. What is not algebraic counts as its rational stand-in.
    fn complexity(&self, inputs: &[Fraction], shapes: &[&Shape], out: &Shape, roots: &mut Roots) -> Fraction;

    /// What it does, in words and signs, with the names of its inputs.
    fn text(&self, inputs: &[&str]) -> String;

    /// The same in LaTeX.
    fn latex(&self, inputs: &[String]) -> String;

    /// The operation that stands for it where all must be rational, which may be itself.
    fn rational(&self) -> Op;

    /// How its values and derivatives are computed for these shapes.
    fn kernel(&self, inputs: &[&Shape], out: &Shape) -> Kernel;
}

/// What an operation is, in a few words and numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Facts {
    /// Its name in network files.
    pub name: &'static str,
    /// How many inputs it has.
    pub arity: usize,
    /// Whether the result is infinitely differentiable wherever it is defined.
    pub is_smooth: bool,
    /// Whether it exists over a prime field.
    pub is_algebraic: bool,
    /// What it is to those who look for a breach of scale invariance.
    pub role: Role,
}

/// What an operation is to those who look for a breach of scale invariance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A group of weights.
    Weights,
    /// Data.
    Data,
    /// A factor for each entry.
    Gain,
    /// A linear layer.
    Layer,
    /// A normalization.
    Normalization,
    /// A comparison with targets.
    Loss,
    Other,
}

macro_rules! operations {
    ($($name:ident($type:ty)),* $(,)?) => {
        /// An operation of any kind.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Op {
            $($name($type)),*
        }

        $(impl From<$type> for Op {
            fn from(operation: $type) -> Self {
                Self::$name(operation)
            }
        })*

        impl Op {
            /// All names of operations in network files.
            pub fn names() -> impl Iterator<Item = &'static str> {
                [$(<$type as Operation>::NAMES),*].into_iter().flatten().copied()
            }

            /// Reads the operation of a name; `None` where none has it.
            ///
            /// # Errors
            /// See [`Operation::read`].
            pub(crate) fn read(name: &str, parameters: &mut Parameters<'_>) -> Result<Option<Self>, ParameterError> {
                $(if <$type as Operation>::NAMES.contains(&name) {
                    return <$type as Operation>::read(name, parameters).map(|operation| Some(operation.into()));
                })*
                Ok(None)
            }

            fn facts(&self) -> Facts {
                match self { $(Self::$name(operation) => operation.facts()),* }
            }

            /// Its name in network files.
            pub fn name(&self) -> &'static str {
                self.facts().name
            }

            /// How many inputs it has.
            pub fn arity(&self) -> usize {
                self.facts().arity
            }

            /// Its parameters as a network file has them: names and values.
            pub fn parameters(&self) -> Vec<(&'static str, String)> {
                match self { $(Self::$name(operation) => operation.parameters()),* }
            }

            /// Whether the result is infinitely differentiable wherever it is defined.
            pub fn is_smooth(&self) -> bool {
                self.facts().is_smooth
            }

            /// Whether it exists over a prime field.
            pub fn is_algebraic(&self) -> bool {
                self.facts().is_algebraic
            }

            /// The operation that stands for it where all must be rational, which may be itself.
            pub fn rational(&self) -> Op {
                match self { $(Self::$name(operation) => operation.rational()),* }
            }

            /// What it is to those who look for a breach of scale invariance.
            pub(super) fn role(&self) -> Role {
                self.facts().role
            }

            /// What it does, in words and signs, with the names of its inputs.
            pub fn text(&self, inputs: &[&str]) -> String {
                match self { $(Self::$name(operation) => operation.text(inputs)),* }
            }

            /// The same in LaTeX.
            pub fn latex(&self, inputs: &[String]) -> String {
                match self { $(Self::$name(operation) => operation.latex(inputs)),* }
            }

            /// The result's shape.
            pub(super) fn shape(&self, inputs: &[&Shape]) -> Result<Shape, Fault> {
                if inputs.len() != self.arity() {
                    return Err(Fault::Arity { op: self.name(), expected: self.arity(), found: inputs.len() });
                }
                match self { $(Self::$name(operation) => operation.shape(inputs)),* }
            }

            pub(super) fn degree(&self, operands: &Operands<'_>) -> Result<Degree, Reason> {
                match self { $(Self::$name(operation) => operation.degree(operands)),* }
            }

            pub(super) fn complexity(
                &self,
                inputs: &[Fraction],
                shapes: &[&Shape],
                out: &Shape,
                roots: &mut Roots,
            ) -> Fraction {
                match self { $(Self::$name(operation) => operation.complexity(inputs, shapes, out, roots)),* }
            }

            pub(super) fn kernel(&self, inputs: &[&Shape], out: &Shape) -> Kernel {
                match self { $(Self::$name(operation) => operation.kernel(inputs, out)),* }
            }
        }
    };
}

operations! {
    Weight(Weight),
    Constant(Constant),
    MatrixProduct(MatrixProduct),
    Add(Add),
    Subtract(Subtract),
    Multiply(Multiply),
    Divide(Divide),
    Scale(Scale),
    SquareRoot(SquareRoot),
    Power(Power),
    Sum(Sum),
    Mean(Mean),
    Maximum(Maximum),
    Transpose(Transpose),
    Reshape(Reshape),
    Slice(Slice),
    Take(Take),
    Concatenate(Concatenate),
    Patches(Patches),
    Piece(Piece),
    Normalize(Normalization),
    Softmax(Softmax),
    MeanSquaredError(MeanSquaredError),
    CrossEntropy(CrossEntropy),
    Activation(Activation),
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

/// The reduction of a shape over axes that were checked when the node was added.
fn reduction(shape: &Shape, axes: &[usize]) -> Reduction {
    // `check_axes` has refused all axes without a reduction, so that this fallback, the reduction of the whole array, is never taken.
    Reduction::new(shape, axes).unwrap_or_else(|| Reduction::whole(shape))
}

/// Axes as an index in LaTeX.
fn axes_index(axes: &[usize]) -> String {
    list(axes, ",")
}
