use std::fmt;

/// The sizes of an array's axes, the last one contiguous; no axis: a single number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Shape(Vec<usize>);

/// The most axes an array can have.
pub const MOST_AXES: usize = 6;
pub(crate) use crate::data::MOST_NUMBERS;

/// The most numbers that all arrays of a network may have together.
pub const MOST_IN_ALL: usize = 4 * MOST_NUMBERS;

impl Shape {
    /// Sizes within the limits: at most six axes, none of them empty, at most 2²⁴ numbers.
    pub fn new(axes: &[usize]) -> Option<Self> {
        let count = axes.iter().try_fold(1usize, |count, &axis| count.checked_mul(axis))?;
        (axes.len() <= MOST_AXES && (1..=MOST_NUMBERS).contains(&count)).then(|| Self(axes.to_vec()))
    }

    /// A single number.
    pub fn number() -> Self {
        Self::default()
    }

    /// The sizes.
    pub fn axes(&self) -> &[usize] {
        &self.0
    }

    /// How many numbers an array of this shape holds.
    pub fn count(&self) -> usize {
        self.0.iter().product()
    }

    /// The shape of an entrywise operation: axes are aligned at the last, and an axis of size 1, or a missing one, repeats.
    pub fn broadcast(&self, other: &Self) -> Option<Self> {
        let (long, short) = if self.0.len() >= other.0.len() { (self, other) } else { (other, self) };
        let mut axes = long.0.clone();
        let offset = long.0.len() - short.0.len();
        for (axis, &size) in axes[offset..].iter_mut().zip(&short.0) {
            match (*axis, size) {
                (a, b) if a == b => {}
                (1, b) => *axis = b,
                (_, 1) => {}
                _ => return None,
            }
        }
        Self::new(&axes)
    }

    /// The size at axis `axis` of a shape of `rank` axes that this one is broadcast to.
    pub(super) fn aligned(&self, axis: usize, rank: usize) -> usize {
        (axis + self.0.len()).checked_sub(rank).map_or(1, |own| self.0[own])
    }

    /// How far apart neighbours along each axis lie.
    pub(super) fn strides(&self) -> Vec<usize> {
        let mut strides = vec![1; self.0.len()];
        for axis in (1..self.0.len()).rev() {
            strides[axis - 1] = strides[axis] * self.0[axis];
        }
        strides
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("number");
        }
        for (k, axis) in self.0.iter().enumerate() {
            let times = if k > 0 { "×" } else { "" };
            write!(f, "{times}{axis}")?;
        }
        Ok(())
    }
}

/// The index in another array of each entry of an array of this shape. `map` takes the place of an entry along the axes to that index, or to `None` if there is
/// none.
pub(super) fn table(shape: &Shape, mut map: impl FnMut(&[usize]) -> Option<usize>) -> Vec<u32> {
    let mut place = vec![0; shape.axes().len()];
    let mut table = Vec::with_capacity(shape.count());
    for _ in 0..shape.count() {
        table.push(map(&place).map_or(NOWHERE, |index| index as u32));
        for (axis, size) in shape.axes().iter().enumerate().rev() {
            place[axis] += 1;
            if place[axis] < *size {
                break;
            }
            place[axis] = 0;
        }
    }
    table
}

/// The index of a padded entry: one that is always 0.
pub(super) const NOWHERE: u32 = u32::MAX;

/// An array seen as kept × reduced × kept × reduced × kept, in the order of its memory, for reductions over some axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reduction {
    /// Sizes k₁, r₁, k₂, r₂, k₃; the array's index is (((i₁·r₁ + j₁)·k₂ + i₂)·r₂ + j₂)·k₃ + i₃.
    sizes: [usize; 5],
}

impl Reduction {
    /// The reduction of `shape` over `axes`; `None` where kept and reduced axes alternate more often than five runs can say.
    pub(super) fn new(shape: &Shape, axes: &[usize]) -> Option<Self> {
        let mut sizes = [1; 5];
        // From the last axis backwards; even places are kept, odd ones reduced.
        let mut place = 4;
        for (axis, &size) in shape.axes().iter().enumerate().rev() {
            if size == 1 {
                continue;
            }
            if axes.contains(&axis) != (place % 2 == 1) {
                place = usize::checked_sub(place, 1)?;
            }
            sizes[place] *= size;
        }
        Some(Self { sizes })
    }

    /// The reduction of all entries to one number.
    pub(super) fn whole(shape: &Shape) -> Self {
        Self { sizes: [1, shape.count(), 1, 1, 1] }
    }

    /// How many results there are.
    pub(super) fn kept(&self) -> usize {
        self.sizes[0] * self.sizes[2] * self.sizes[4]
    }

    /// How many entries make one result.
    pub(super) fn reduced(&self) -> usize {
        self.sizes[1] * self.sizes[3]
    }

    /// Calls `visit(entry, length, result)` for contiguous runs of the array, in order. Where [`Reduction::runs_reduce`], the
    /// entries of a run all belong to `result`; else each to the next result.
    #[inline(always)]
    pub(super) fn for_each_run(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let [k1, r1, k2, r2, k3] = self.sizes;
        let (runs, length) = if k3 == 1 { (1, r2) } else { (r2, k3) };
        let mut entry = 0;
        for i1 in 0..k1 {
            for _ in 0..r1 {
                for i2 in 0..k2 {
                    for _ in 0..runs {
                        visit(entry, length, (i1 * k2 + i2) * k3);
                        entry += length;
                    }
                }
            }
        }
    }

    /// Whether runs lie along reduced axes.
    pub(super) fn runs_reduce(&self) -> bool {
        self.sizes[4] == 1
    }
}

/// "axis 0" or "axes 0, 2".
pub(super) fn axes_text(axes: &[usize]) -> String {
    format!("{} {}", if axes.len() == 1 { "axis" } else { "axes" }, list(axes, ", "))
}

/// Axes with something between them.
pub(super) fn list(axes: &[usize], between: &str) -> String {
    axes.iter().map(usize::to_string).collect::<Vec<_>>().join(between)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against the definition: an entry belongs to the result at its place along the kept axes.
        #[test]
        fn runs_cover_the_array_in_order(axes in prop::collection::vec(1usize..4, 0..=6), mask in 0u8..64) {
            let shape = Shape::new(&axes).unwrap();
            let reduced: Vec<usize> = (0..axes.len()).filter(|a| mask >> a & 1 == 1).collect();
            let mut expected = Vec::new();
            table(&shape, |place| {
                let kept = (0..axes.len()).filter(|a| !reduced.contains(a));
                expected.push(kept.fold(0, |index, a| index * axes[a] + place[a]));
                None
            });
            let Some(reduction) = Reduction::new(&shape, &reduced) else { return Ok(()) };
            let mut found = vec![usize::MAX; shape.count()];
            reduction.for_each_run(|entry, length, result| {
                for k in 0..length {
                    found[entry + k] = if reduction.runs_reduce() { result } else { result + k };
                }
            });
            prop_assert_eq!(&found, &expected);
            prop_assert_eq!(reduction.kept() * reduction.reduced(), shape.count());
        }
    }

    #[test]
    fn broadcasting_aligns_the_last_axes() {
        let of = |axes: &[usize]| Shape::new(axes).unwrap();
        assert_eq!(of(&[4, 3]).broadcast(&of(&[3])), Some(of(&[4, 3])));
        assert_eq!(of(&[4, 1]).broadcast(&of(&[1, 3])), Some(of(&[4, 3])));
        assert_eq!(of(&[4, 3]).broadcast(&of(&[4])), None);
        assert_eq!(Shape::new(&[1 << 20, 1 << 20]), None);
        assert_eq!(Shape::new(&[3, 0]), None);
        assert_eq!(Shape::new(&[usize::MAX, 2]), None);
    }
}
