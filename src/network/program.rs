mod at_point;

use std::ops::Range;

use super::error::{Fault, NetworkError};
use super::ops::{Before, Inputs, Kernel, Op, Source};
use super::{Network, Node, NodeId};
use crate::arithmetic::{Base, Field, Scalar};
use crate::loss::Loss;
pub use at_point::SmallestSize;

/// A network ready to be evaluated over the scalars of one base: its loss and, in reverse mode, its gradient.
///
/// Nodes that depend on no weight are computed once, here. The scratch of an evaluation holds the values of the nodes behind the
/// weights, their adjoints, what kernels keep for the way back, and the constants.
#[derive(Clone, Debug)]
pub struct NetworkLoss<T> {
    steps: Vec<Step>,
    dimension: usize,
    values: usize,
    /// Where the loss stands among the values.
    output: usize,
    extras: usize,
    /// The values that depend on no weight, and that some step reads.
    fixed: Vec<T>,
    /// The nodes that were computed once because no weight enters them: their places in the network, and their ranges of `fixed`.
    fixed_nodes: Vec<(usize, Range<usize>)>,
    /// Where the values of each node are.
    sources: Vec<Source>,
}

#[derive(Clone, Debug)]
struct Step {
    /// The node's place in its network.
    node: usize,
    kernel: Kernel,
    inputs: Vec<Source>,
    /// For each input, how it is reached on the way back.
    reached: Vec<Reached>,
    out: Range<usize>,
    extra: Range<usize>,
}

/// When a step adds to the adjoint of one of its inputs, on the way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reached {
    /// No other step adds to it.
    Alone,
    /// This step adds to it before all others.
    First,
    /// Another step has added to it before.
    Later,
}

impl<T: Base> NetworkLoss<T> {
    /// Prepares a network.
    ///
    /// # Errors
    /// A transcendental operation over a base that has none; one with a kink over a base without signs.
    pub fn new(network: &Network) -> Result<Self, NetworkError> {
        Self::with_constants(network, T::from_f64)
    }

    /// Prepares a network with other data: `of` is asked for every number of every constant, in order.
    ///
    /// # Errors
    /// See [`NetworkLoss::new`].
    pub fn with_constants(network: &Network, mut of: impl FnMut(f64) -> T) -> Result<Self, NetworkError> {
        if !T::HAS_TRANSCENDENTALS
            && let Some(node) = network.nodes().iter().find(|node| !node.op.is_algebraic())
        {
            let fault = Fault::Transcendental { op: node.op.name() };
            return Err(NetworkError::Node { node: node.name.clone(), fault });
        }
        if !T::HAS_SIGNS
            && let Some(node) = network.non_smooth().next()
        {
            let fault = Fault::Sign { op: node.op.name() };
            return Err(NetworkError::Node { node: node.name.clone(), fault });
        }
        let dimension = network.dimension();
        let mut loss = Self {
            steps: Vec::new(),
            dimension,
            values: 0,
            output: 0,
            extras: 0,
            fixed: Vec::new(),
            fixed_nodes: Vec::new(),
            sources: Vec::with_capacity(network.nodes().len()),
        };
        let mut weights = 0;
        for (place, node) in network.nodes().iter().enumerate() {
            let source = match &node.op {
                Op::Weight(weight) => {
                    weights += weight.shape.count();
                    Source::Weight(weights - weight.shape.count()..weights)
                }
                Op::Constant(constant) => loss.fix(constant.values.iter().map(|&x| of(x))),
                _ => loss.step(network, (place, node)),
            };
            if let Source::Active(range) = &source {
                loss.output = range.start;
            }
            loss.sources.push(source);
        }
        loss.mark_reached();
        Ok(loss)
    }

    /// Appends the step of a node, or computes it where no weight enters.
    fn step(&mut self, network: &Network, (place, node): (usize, &Node)) -> Source {
        let inputs: Vec<Source> = node.inputs.iter().map(|input| self.sources[input.index()].clone()).collect();
        let shapes: Vec<_> = node.inputs.iter().map(|&input| &network.node(input).shape).collect();
        let kernel = node.op.kernel(&shapes, &node.shape);
        if matches!(kernel, Kernel::Same(_)) {
            return inputs[0].clone();
        }
        let (count, extra) = (node.shape.count(), kernel.extra(&node.shape));
        if inputs.iter().all(|input| matches!(input, Source::Fixed(_))) {
            let zero = T::from_f64(0.0);
            let (mut out, mut kept) = (vec![zero; count], vec![zero; extra]);
            let of =
                Inputs { sources: &inputs, weights: &[], values: &[], fixed: self.fixed.as_slice(), data: &self.fixed };
            kernel.forward(&of, &mut out, &mut kept, false);
            let source = self.fix(out.into_iter());
            if let Source::Fixed(range) = &source {
                self.fixed_nodes.push((place, range.clone()));
            }
            return source;
        }
        let out = self.values..self.values + count;
        let extra = self.extras..self.extras + extra;
        (self.values, self.extras) = (out.end, extra.end);
        let reached = vec![Reached::Later; inputs.len()];
        self.steps.push(Step { node: place, kernel, inputs, reached, out: out.clone(), extra });
        Source::Active(out)
    }

    /// Whether every node has a value at w, of length D. The calculation stops at the first node that has none.
    pub(crate) fn is_defined_at(&self, w: &[T]) -> bool
    where
        T: Field,
    {
        let zero = T::from_f64(0.0);
        let (mut values, mut extras) = (vec![zero; self.values], vec![zero; self.extras]);
        let mut steps = self.steps.iter();
        self.fixed.iter().all(|x| x.is_defined())
            && steps.all(|step| {
                let (before, out) = values.split_at_mut(step.out.start);
                let out = &mut out[..step.out.len()];
                let inputs = self.inputs(step, [w, before, &self.fixed]);
                step.kernel.forward(&inputs, out, &mut extras[step.extra.clone()], false);
                out.iter().all(|x| x.is_defined())
            })
    }

    /// Whether a node depends on the weights.
    pub(crate) fn is_active(&self, node: NodeId) -> bool {
        !matches!(self.sources[node.index()], Source::Fixed(_))
    }

    /// The values of a node at w, of length D.
    pub(crate) fn values_at<S: Scalar<Base = T>>(&self, node: NodeId, w: &[S]) -> Vec<S> {
        let zero = S::constant(0.0);
        let (mut gradient, mut scratch) = (vec![zero; self.dimension], vec![zero; self.scratch()]);
        self.prepare(&mut scratch);
        self.evaluate(w, &mut gradient, &mut scratch);
        match &self.sources[node.index()] {
            Source::Weight(range) => w[range.clone()].to_vec(),
            Source::Active(range) => scratch[range.clone()].to_vec(),
            Source::Fixed(range) => self.fixed[range.clone()].iter().map(|&x| S::from_base(x)).collect(),
        }
    }

    /// L(w) alone, in a scratch that was prepared.
    pub(super) fn value<S: Scalar<Base = T>>(&self, w: &[S], scratch: &mut [S]) -> S {
        let (values, rest) = scratch.split_at_mut(self.values);
        let (extras, fixed) = rest[self.values..].split_at_mut(self.extras);
        self.forwards(w, values, extras, fixed, false);
        values[self.output]
    }

    /// Puts other numbers in place of a node that depends on no weight. Nodes that were computed from it keep the values they have.
    pub(crate) fn replace(&mut self, node: NodeId, values: &[T]) {
        if let Source::Fixed(range) = &self.sources[node.index()] {
            self.fixed[range.clone()].copy_from_slice(values);
        }
    }

    /// Marks the last use of every input, which is the first on the way back, and says whether that use is the only one.
    fn mark_reached(&mut self) {
        let mut met: Vec<Source> = Vec::new();
        let uses: Vec<Source> = self.steps.iter().flat_map(|step| step.inputs.clone()).collect();
        for step in self.steps.iter_mut().rev() {
            for (reached, input) in step.reached.iter_mut().zip(&step.inputs) {
                if !met.contains(input) {
                    let alone = uses.iter().filter(|other| *other == input).count() == 1;
                    *reached = if alone { Reached::Alone } else { Reached::First };
                    met.push(input.clone());
                }
            }
        }
    }

    fn fix(&mut self, values: impl Iterator<Item = T>) -> Source {
        let start = self.fixed.len();
        self.fixed.extend(values);
        Source::Fixed(start..self.fixed.len())
    }

    fn inputs<'a, S: Scalar<Base = T>>(
        &'a self,
        step: &'a Step,
        [weights, values, fixed]: [&'a [S]; 3],
    ) -> Inputs<'a, S> {
        Inputs { sources: &step.inputs, weights, values, fixed, data: &self.fixed }
    }
}

impl<T: Base> Loss<T> for NetworkLoss<T> {
    fn dimension(&self) -> usize {
        self.dimension
    }

    fn scratch(&self) -> usize {
        2 * self.values + self.extras + self.fixed.len()
    }

    fn prepare<S: Scalar<Base = T>>(&self, scratch: &mut [S]) {
        let constants = scratch[2 * self.values + self.extras..].iter_mut();
        constants.zip(&self.fixed).for_each(|(scalar, &x)| *scalar = S::from_base(x));
    }

    fn evaluate<S: Scalar<Base = T>>(&self, w: &[S], gradient: &mut [S], scratch: &mut [S]) -> S {
        self.pass(w, gradient, scratch, false)
    }

    fn evaluate_again<S: Scalar<Base = T>>(&self, w: &[S], gradient: &mut [S], scratch: &mut [S]) -> S {
        self.pass(w, gradient, scratch, true)
    }

    fn residuals(&self) -> usize {
        self.squared_error().map_or(0, |last| last.inputs[0].count())
    }

    /// r = √(2/N)(a − b) of the mean squared error of a and b.
    fn evaluate_residuals<S: Scalar<Base = T>>(
        &self,
        w: &[S],
        multipliers: &[S],
        residuals: &mut [S],
        gradient: &mut [S],
        scratch: &mut [S],
    ) {
        let Some(last) = self.squared_error() else { return };
        let (values, rest) = scratch.split_at_mut(self.values);
        let (adjoints, rest) = rest.split_at_mut(self.values);
        let (extras, fixed) = rest.split_at_mut(self.extras);
        self.forwards(w, values, extras, fixed, false);
        let inputs = self.inputs(last, [w, values, fixed]);
        let factor = S::constant(2.0 / multipliers.len() as f64).sqrt();
        for (r, (&a, &b)) in residuals.iter_mut().zip(inputs.scalars(0).iter().zip(inputs.scalars(1))) {
            *r = factor * (a - b);
        }
        for (source, sign) in last.inputs.iter().zip([factor, -factor]) {
            let adjoint = match source {
                Source::Weight(range) => &mut gradient[range.clone()],
                Source::Active(range) => &mut adjoints[range.clone()],
                Source::Fixed(_) => continue,
            };
            adjoint.iter_mut().zip(multipliers).for_each(|(adjoint, &m)| *adjoint = sign * m);
        }
        let before_last = &self.steps[..self.steps.len() - 1];
        self.backwards(before_last, w, gradient, (values, adjoints), (extras, fixed), false);
    }
}

impl<T: Base> NetworkLoss<T> {
    /// Runs forwards and back. Where values are `known`, the scratch and the gradient already hold them, without their infinitesimals.
    fn pass<S: Scalar<Base = T>>(&self, w: &[S], gradient: &mut [S], scratch: &mut [S], known: bool) -> S {
        let (values, rest) = scratch.split_at_mut(self.values);
        let (adjoints, rest) = rest.split_at_mut(self.values);
        let (extras, fixed) = rest.split_at_mut(self.extras);
        self.forwards(w, values, extras, fixed, known);
        adjoints[self.output] = S::constant(1.0);
        self.backwards(&self.steps, w, gradient, (values, adjoints), (extras, fixed), known);
        values[self.output]
    }

    /// How many multiplications and additions an evaluation takes, roughly: what decides how long a step of descent lasts.
    pub fn work(&self) -> usize {
        let of_step = |step: &Step| match &step.kernel {
            Kernel::MatrixProducts(products) => step.out.len() * products.terms(),
            _ => step.out.len() + step.inputs.iter().map(Source::count).sum::<usize>(),
        };
        self.steps.iter().map(of_step).sum()
    }

    /// The last step, where it is the mean squared error of two arrays of its own.
    fn squared_error(&self) -> Option<&Step> {
        let last = self.steps.last()?;
        (matches!(last.kernel, Kernel::SquaredError(_)) && last.inputs[0] != last.inputs[1]).then_some(last)
    }

    fn forwards<S: Scalar<Base = T>>(&self, w: &[S], values: &mut [S], extras: &mut [S], fixed: &[S], known: bool) {
        for step in &self.steps {
            let (before, out) = values.split_at_mut(step.out.start);
            let inputs = self.inputs(step, [w, before, fixed]);
            step.kernel.forward(&inputs, &mut out[..step.out.len()], &mut extras[step.extra.clone()], known);
        }
    }

    /// Runs `steps` backwards. They are the first steps of the network, and the adjoints of what they lead to must be there already.
    fn backwards<S: Scalar<Base = T>>(
        &self,
        steps: &[Step],
        w: &[S],
        gradient: &mut [S],
        (values, adjoints): (&[S], &mut [S]),
        (extras, fixed): (&mut [S], &[S]),
        known: bool,
    ) {
        for step in steps.iter().rev() {
            let inputs = self.inputs(step, [w, values, fixed]);
            let (before, of_out) = adjoints.split_at_mut(step.out.start);
            let out = (&values[step.out.clone()], &of_out[..step.out.len()]);
            for (k, (source, &reached)) in step.inputs.iter().zip(&step.reached).enumerate() {
                let adjoint = match source {
                    Source::Weight(range) => &mut gradient[range.clone()],
                    Source::Active(range) => &mut before[range.clone()],
                    Source::Fixed(_) => continue,
                };
                let before = match reached {
                    Reached::Alone if known => Before::Known,
                    Reached::Alone | Reached::First => Before::Nothing,
                    Reached::Later => Before::Some,
                };
                step.kernel.backward(k, &inputs, out, &mut extras[step.extra.clone()], adjoint, before);
            }
        }
    }
}
