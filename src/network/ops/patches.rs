//! Windows of signals and images, which convolutions and pools are made of.

use std::fmt;

use super::kernel::Kernel;
use super::rearrange::Gather;
use super::{Facts, Op, Operation, ParameterError, Parameters, Role, axes_index, shape_of};
use crate::network::complexity::{Fraction, Roots};
use crate::network::degree::{Degree, Operands};
use crate::network::error::Fault;
use crate::network::reason::Reason;
use crate::network::shape::{MOST_NUMBERS, NOWHERE, Shape};

/// The windows of a batch of signals (batch × length × channels) or images (batch × height × width × channels), padded with
/// zeros: positions × places in the window × channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patches {
    /// The window's sizes along one or two axes.
    pub window: Vec<usize>,
    /// How far it moves from one position to the next.
    pub stride: usize,
    /// Zeros added at both ends of every axis.
    pub padding: usize,
    /// How far neighbours in the window are apart.
    pub dilation: usize,
}

impl Patches {
    /// A window that moves by one, without padding and without holes.
    pub fn dense(window: &[usize]) -> Self {
        Self { window: window.to_vec(), stride: 1, padding: 0, dilation: 1 }
    }

    /// The window that parameters describe, of whatever operation.
    pub(crate) fn of(parameters: &mut Parameters<'_>) -> Result<Self, ParameterError> {
        Ok(Self {
            window: parameters.sizes_of("window")?,
            stride: parameters.size("stride", Some(1))?,
            padding: parameters.size("padding", Some(0))?,
            dilation: parameters.size("dilation", Some(1))?,
        })
    }

    /// How many places the window has along each axis of a batch of signals or images.
    pub(in crate::network) fn places(&self, shape: &Shape) -> Result<Vec<usize>, Fault> {
        let (axes, Self { window, stride, padding, dilation }) = (shape.axes(), self);
        if !(1..=2).contains(&window.len()) || axes.len() != window.len() + 2 {
            return Err(Fault::WindowAxes { window: window.len(), shape: shape.clone() });
        }
        let wrong = || Fault::Window { patches: self.to_string(), shape: shape.clone() };
        if *stride == 0 || *dilation == 0 || window.contains(&0) || *padding > MOST_NUMBERS {
            return Err(wrong());
        }
        let places = window.iter().zip(&axes[1..]).map(|(&window, &size)| {
            let reach = (window - 1).checked_mul(*dilation)? + 1;
            // A window that can lie in the padding alone would see nothing.
            let room = (size + 2 * padding).checked_sub(reach).filter(|_| *padding < reach)?;
            Some(room / stride + 1)
        });
        places.collect::<Option<Vec<_>>>().ok_or_else(wrong)
    }
}

impl Operation for Patches {
    const NAMES: &'static [&'static str] = &["patches"];

    fn read(_: &str, parameters: &mut Parameters<'_>) -> Result<Self, ParameterError> {
        Self::of(parameters)
    }

    fn facts(&self) -> Facts {
        Facts { name: "patches", arity: 1, is_smooth: true, is_algebraic: true, role: Role::Other }
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![
            ("window", format!("{:?}", self.window)),
            ("stride", self.stride.to_string()),
            ("padding", self.padding.to_string()),
            ("dilation", self.dilation.to_string()),
        ]
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, Fault> {
        let (x, window) = (inputs[0], &self.window);
        let places = self.places(x)?;
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
        format!("windows {self} of {}", inputs[0])
    }

    fn latex(&self, inputs: &[String]) -> String {
        let Self { window, stride, padding, dilation } = self;
        let window = axes_index(window);
        format!("\\operatorname{{patches}}_{{{window};\\,{stride};\\,{padding};\\,{dilation}}} {}", inputs[0])
    }

    fn rational(&self) -> Op {
        self.clone().into()
    }

    fn kernel(&self, inputs: &[&Shape], out: &Shape) -> Kernel {
        // The window was checked when the node was added.
        let places = self.places(inputs[0]).unwrap_or_default();
        Gather { table: patch_table(inputs[0], out, self, &places) }.into()
    }
}

impl fmt::Display for Patches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { window, stride, padding, dilation } = self;
        write!(f, "{window:?} with stride {stride}, padding {padding} and dilation {dilation}")
    }
}

/// Where every entry of the patches lies in the input: for each position and each place of the window a run of all channels.
fn patch_table(input: &Shape, out: &Shape, patches: &Patches, places: &[usize]) -> Vec<u32> {
    let Patches { window, stride, padding, dilation } = patches;
    let (axes, strides) = (input.axes(), input.strides());
    let channels = axes[axes.len() - 1];
    let mut table = Vec::with_capacity(out.count());
    for position in 0..out.axes()[0] {
        for within in 0..out.axes()[1] {
            let (mut position, mut within, mut start) = (position, within, Some(0));
            for axis in (0..places.len()).rev() {
                let along = position % places[axis] * stride + within % window[axis] * dilation;
                (position, within) = (position / places[axis], within / window[axis]);
                let along = along.checked_sub(*padding).filter(|&along| along < axes[axis + 1]);
                start = start.zip(along).map(|(start, along)| start + along * strides[axis + 1]);
            }
            // What is left of the position is the place in the batch.
            let start = start.map(|start| start + position * strides[0]);
            table.extend((0..channels).map(|channel| start.map_or(NOWHERE, |start| (start + channel) as u32)));
        }
    }
    table
}
