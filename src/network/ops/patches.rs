//! Windows of signals and images, which convolutions and pools are made of.

use super::kernel::Kernel;
use super::rearrange::Gather;
use super::{Facts, Op, Operation, ParameterError, Parameters, Role, axes_index, shape_of};
use crate::network::complexity::{Fraction, Roots};
use crate::network::error::Fault;
use crate::network::homogeneity::{Degree, Operands, Reason};
use crate::network::shape::{MOST_NUMBERS, Shape, table};

/// The windows of a batch of signals (batch × length × channels) or images (batch × height × width × channels), padded with
/// zeros: positions × places in the window × channels.
#[derive(Clone, Debug, PartialEq)]
pub struct Patches {
    pub window: Vec<usize>,
    pub stride: usize,
    pub padding: usize,
}

impl Operation for Patches {
    const NAMES: &'static [&'static str] = &["patches"];

    fn read(_: &str, parameters: &mut Parameters<'_>) -> Result<Self, ParameterError> {
        let (window, stride, padding) = parameters.window()?;
        Ok(Self { window, stride, padding })
    }

    fn facts(&self) -> Facts {
        Facts { name: "patches", arity: 1, is_smooth: true, is_algebraic: true, role: Role::Other }
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![
            ("window", format!("{:?}", self.window)),
            ("stride", self.stride.to_string()),
            ("padding", self.padding.to_string()),
        ]
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, Fault> {
        let (x, window) = (inputs[0], &self.window);
        let places = patch_places(x, window, self.stride, self.padding)?;
        let count = |sizes: &[usize]| sizes.iter().try_fold(1usize, |count, &size| count.checked_mul(size));
        match (count(&places).and_then(|places| places.checked_mul(x.axes()[0])), count(window)) {
            (Some(positions), Some(window)) => shape_of(&[positions, window, x.axes()[x.axes().len() - 1]]),
            _ => Err(Fault::TooLarge),
        }
    }

    fn degree(&self, operands: &Operands<'_>) -> Result<Degree, Reason> {
        operands.unshifted(operands.degree(0))
    }

    fn complexity(&self, inputs: &[Fraction], _: &[&Shape], _: &Shape, _: &mut Roots) -> Fraction {
        inputs[0]
    }

    fn text(&self, inputs: &[&str]) -> String {
        let Self { window, stride, padding } = self;
        format!("windows {window:?} of {}, stride {stride}, padding {padding}", inputs[0])
    }

    fn latex(&self, inputs: &[String]) -> String {
        let window = axes_index(&self.window);
        format!("\\operatorname{{patches}}_{{{window};\\,{};\\,{}}} {}", self.stride, self.padding, inputs[0])
    }

    fn rational(&self) -> Op {
        self.clone().into()
    }

    fn kernel(&self, inputs: &[&Shape], out: &Shape) -> Kernel {
        // The window was checked when the node was added.
        let places = patch_places(inputs[0], &self.window, self.stride, self.padding).unwrap_or_default();
        Gather { table: patch_table(inputs[0], out, self, &places) }.into()
    }
}

/// How many places the window has along each axis.
pub(in crate::network) fn patch_places(
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

fn patch_table(input: &Shape, out: &Shape, patches: &Patches, places: &[usize]) -> Vec<u32> {
    let Patches { window, stride, padding } = patches;
    let strides = input.strides();
    let digits = |mut index: usize, sizes: &[usize]| -> Vec<usize> {
        let mut digits = vec![0; sizes.len()];
        for (digit, size) in digits.iter_mut().zip(sizes).rev() {
            *digit = index % size;
            index /= size;
        }
        digits
    };
    let count: usize = places.iter().product();
    table(out, |at| {
        let (position, within) = (digits(at[0] % count, places), digits(at[1], window));
        let mut index = at[0] / count * strides[0] + at[2];
        for (axis, (&position, &within)) in position.iter().zip(&within).enumerate() {
            let along = (position * stride + within).checked_sub(*padding)?;
            if along >= input.axes()[axis + 1] {
                return None;
            }
            index += along * strides[axis + 1];
        }
        Some(index)
    })
}
