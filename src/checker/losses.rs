//! The two kinds of loss, with their derivatives written out.

use super::algebra::{Matrix, around, dot, exactly, full, is_positive_definite, length, lower_triangle, points, sum};
use super::format::{Loss, Proposed, Refused, shape};
use super::line::Line;
use crate::arithmetic::{Enclosure, Scalar};

/// The most weights, and the most samples.
const MOST: usize = 512;

/// A loss, with its derivatives written out.
pub enum Written {
    Circle,
    Regression(Box<Regression>),
}

impl Written {
    pub fn new(loss: &Loss) -> Result<Self, Refused> {
        match loss {
            Loss::Circle {} => Ok(Self::Circle),
            Loss::Regression { rows, targets, proposed } => {
                Ok(Self::Regression(Box::new(Regression::new(rows, targets, proposed)?)))
            }
        }
    }

    /// The line of the flow from the point of Γ that is nearest to a start.
    pub fn line(&self, start: &[f64]) -> Result<Line, Refused> {
        let line = match self {
            Self::Circle => Line::on_circle(start),
            Self::Regression(regression) => regression.line(start)?,
        };
        line.starting_nearest(start)
    }

    pub fn dimension(&self) -> usize {
        match self {
            Self::Circle => 3,
            Self::Regression(regression) => regression.rows[0].len(),
        }
    }

    /// ∇L.
    pub fn gradient(&self, w: &[Enclosure]) -> Vec<Enclosure> {
        match self {
            Self::Circle => {
                let Quartic { value, gradient, square, .. } = Quartic::at(w);
                let cube = square * square * square;
                (0..3).map(|i| gradient[i] / (square * square) - exactly(4.0) * value * w[i] / cube).collect()
            }
            Self::Regression(regression) => {
                let (size, unit) = regression.output(w);
                let cosine = dot(&unit, &regression.unit_targets);
                let rest: Vec<Enclosure> =
                    unit.iter().zip(&regression.unit_targets).map(|(&f, &y)| cosine * f - y).collect();
                regression.transposed(&rest).into_iter().map(|x| x / size).collect()
            }
        }
    }

    /// ∇²L.
    pub fn hessian(&self, w: &[Enclosure]) -> Matrix {
        match self {
            Self::Circle => {
                let Quartic { value, gradient, hessian, square } = Quartic::at(w);
                let (second, third) = (square * square, square * square * square);
                let four = exactly(4.0);
                let entry = |i: usize, j: usize| {
                    let mixed = four * (gradient[i] * w[j] + w[i] * gradient[j]) / third;
                    let radial = exactly(24.0) * value * w[i] * w[j] / (third * square);
                    let diagonal = if i == j { four * value / third } else { exactly(0.0) };
                    hessian[i][j] / second - mixed - diagonal + radial
                };
                full(3, entry)
            }
            Self::Regression(regression) => {
                let (size, unit) = regression.output(w);
                let cosine = dot(&unit, &regression.unit_targets);
                let (a, b) = (regression.transposed(&unit), &regression.correlations);
                full(w.len(), |i, j| {
                    let rotated = cosine * (regression.gram[i][j] - exactly(3.0) * a[i] * a[j]);
                    (a[i] * b[j] + b[i] * a[j] + rotated) / (size * size)
                })
            }
        }
    }
}

/// N = ½z²(r² + 20x²), of which the loss on the circle is N/r⁴.
struct Quartic {
    value: Enclosure,
    gradient: [Enclosure; 3],
    hessian: [[Enclosure; 3]; 3],
    /// r².
    square: Enclosure,
}

impl Quartic {
    fn at(w: &[Enclosure]) -> Self {
        let (x, y, z) = (w[0], w[1], w[2]);
        let [xx, yy, zz] = [x, y, z].map(|x| x.absolute() * x.absolute());
        let square = xx + yy + zz;
        let factor = square + exactly(20.0) * xx;
        let (xz, yz) = (exactly(42.0) * x * z, exactly(2.0) * y * z);
        Self {
            value: exactly(0.5) * zz * factor,
            gradient: [exactly(21.0) * x * zz, y * zz, z * factor + z * zz],
            hessian: [
                [exactly(21.0) * zz, exactly(0.0), xz],
                [exactly(0.0), zz, yz],
                [xz, yz, factor + exactly(5.0) * zz],
            ],
            square,
        }
    }
}

/// A regression: L = 1 − ⟨f, ŷ⟩/‖f‖ with f = Zw, Z having centred columns.
pub struct Regression {
    rows: Vec<Vec<f64>>,
    targets: Vec<f64>,
    proposed: Proposed,
    centred: Matrix,
    unit_targets: Vec<Enclosure>,
    /// ‖y‖.
    size: Enclosure,
    /// ZᵀZ.
    gram: Matrix,
    /// Zᵀŷ.
    correlations: Vec<Enclosure>,
}

impl Regression {
    fn new(rows: &[Vec<f64>], targets: &[f64], proposed: &Proposed) -> Result<Self, Refused> {
        let (n, d) = (rows.len(), rows.first().map_or(0, Vec::len));
        for (what, count) in [("the number of rows", n), ("the number of weights", d)] {
            if !(2..=MOST).contains(&count) || (n < 3) {
                let (what, value) = (what.into(), count as f64);
                return Err(Refused::Domain { what, value, domain: "from 2 (of rows: 3) to 512" });
            }
        }
        shape(|| "the targets".into(), targets.len(), n)?;
        for (i, row) in rows.iter().enumerate() {
            shape(|| format!("row {i}"), row.len(), d)?;
        }
        shape(|| "the proposed least".into(), proposed.least.len(), n - 1)?;
        shape(|| "the proposed seen".into(), proposed.seen.len(), n - 1)?;
        shape(|| "the proposed top".into(), proposed.top.len(), d)?;
        let count = exactly(n as f64);
        let column = |of: &dyn Fn(usize) -> f64| -> Vec<Enclosure> {
            let mean = sum((0..n).map(|i| exactly(of(i)))) / count;
            (0..n).map(|i| exactly(of(i)) - mean).collect()
        };
        let columns: Matrix = (0..d).map(|j| column(&|i| rows[i][j])).collect();
        let y = column(&|i| targets[i]);
        let size = length(&y);
        let unit_targets: Vec<Enclosure> = y.iter().map(|&y| y / size).collect();
        let gram = full(d, |i, j| dot(&columns[i], &columns[j]));
        let correlations = columns.iter().map(|column| dot(column, &unit_targets)).collect();
        let centred = (0..n).map(|i| (0..d).map(|j| columns[j][i]).collect()).collect();
        let (rows, targets, proposed) = (rows.to_vec(), targets.to_vec(), proposed.clone());
        Ok(Self { rows, targets, proposed, centred, unit_targets, size, gram, correlations })
    }

    /// ‖f‖ and f/‖f‖.
    fn output(&self, w: &[Enclosure]) -> (Enclosure, Vec<Enclosure>) {
        let output: Vec<Enclosure> = self.centred.iter().map(|row| dot(row, w)).collect();
        let size = length(&output);
        (size, output.into_iter().map(|f| f / size).collect())
    }

    /// Zᵀx.
    fn transposed(&self, x: &[Enclosure]) -> Vec<Enclosure> {
        (0..self.rows[0].len()).map(|j| sum(self.centred.iter().zip(x).map(|(row, &x)| row[j] * x))).collect()
    }

    /// The line from w₀. Γ is {θ : Aθ = γb, γ > 0}, and a gradient lies in the span of the rows of A.
    fn line(&self, start: &[f64]) -> Result<Line, Refused> {
        let Proposed { least, seen, floor, top, largest, second } = &self.proposed;
        let n = self.rows.len();
        let differences: Matrix = self.rows[..n - 1]
            .iter()
            .map(|row| row.iter().zip(&self.rows[n - 1]).map(|(&x, &last)| exactly(x) - exactly(last)).collect())
            .collect();
        let wanted: Vec<Enclosure> =
            self.targets[..n - 1].iter().map(|&y| exactly(y) - exactly(self.targets[n - 1])).collect();
        let above_floor = lower_triangle(n - 1, |i, j| {
            let entry = dot(&differences[i], &differences[j]);
            if i == j { entry - exactly(*floor) } else { entry }
        });
        if !(*floor > 0.0 && is_positive_definite(above_floor)) {
            return Err(Refused::Proposed { what: "floor" });
        }
        // With the rest r = b − AAᵀz, the solution of least norm is within ‖r‖/√floor of Aᵀz.
        let solution = |proposed: &[f64], wanted: &[Enclosure]| -> Vec<Enclosure> {
            let near: Vec<Enclosure> = (0..start.len())
                .map(|j| sum(differences.iter().zip(proposed).map(|(row, &z)| row[j] * exactly(z))))
                .collect();
            let rest: Vec<Enclosure> = differences.iter().zip(wanted).map(|(row, &b)| b - dot(row, &near)).collect();
            let away = (length(&rest) / exactly(*floor).sqrt()).magnitude();
            near.into_iter().map(|x| x + around(away)).collect()
        };
        let start = points(start);
        let images: Vec<Enclosure> = differences.iter().map(|row| dot(row, &start)).collect();
        let least = solution(least, &wanted);
        let kernel: Vec<Enclosure> = start.iter().zip(solution(seen, &images)).map(|(&w, s)| w - s).collect();
        let unit = |x: &[Enclosure]| -> Vec<Enclosure> { x.iter().map(|&one| one / length(x)).collect() };
        // ∇²L = M‖w*‖²/(‖y‖²C) on Γ.
        let (value, top) = self.top_of_curvature(top, *largest, *second)?;
        let size = length(&least) / self.size;
        let least_sharpness = Some(value * size * size);
        Ok(Line { along: unit(&least), across: unit(&kernel), top, least: least_sharpness, start: exactly(0.0) })
    }

    /// The largest eigenvalue and its unit eigenvector of M = Zᵀ(I − ŷŷᵀ)Z.
    ///
    /// sI − M positive definite bounds it by s. tI + s·x̂x̂ᵀ − M positive definite bounds the second one by t, because only one eigenvalue of tI + s·x̂x̂ᵀ is above t. For
    /// μ > t the part of x that is orthogonal to v₁ has at most the length ‖Mx − μx‖/(μ − t).
    fn top_of_curvature(&self, x: &[f64], largest: f64, second: f64) -> Result<(Enclosure, Vec<Enclosure>), Refused> {
        let x = points(x);
        let size = length(&x);
        let unit: Vec<Enclosure> = x.iter().map(|&x| x / size).collect();
        let matrix = |i: usize, j: usize| self.gram[i][j] - self.correlations[i] * self.correlations[j];
        let below = |diagonal: f64, along: f64| {
            is_positive_definite(lower_triangle(x.len(), |i, j| {
                let rest = exactly(along) * unit[i] * unit[j] - matrix(i, j);
                if i == j { rest + exactly(diagonal) } else { rest }
            }))
        };
        if !below(largest, 0.0) {
            return Err(Refused::Proposed { what: "largest" });
        }
        if !below(second, largest) {
            return Err(Refused::Proposed { what: "second" });
        }
        let image: Vec<Enclosure> =
            (0..x.len()).map(|i| sum((0..x.len()).map(|j| matrix(i.max(j), i.min(j)) * unit[j]))).collect();
        let quotient = dot(&unit, &image);
        let middle = exactly(quotient.middle());
        let rest: Vec<Enclosure> = image.iter().zip(&unit).map(|(&image, &x)| image - middle * x).collect();
        let gap = middle - exactly(second);
        let sine = (length(&rest) / gap).upper;
        if !(gap.lower > 0.0 && sine < 1.0) {
            return Err(Refused::Proposed { what: "top" });
        }
        // Unit vectors at an angle φ ≤ 90° are 2 sin ½φ < 2 sin φ apart.
        let away = around((exactly(2.0) * exactly(sine)).upper);
        Ok((Enclosure::new(quotient.lower, largest), unit.into_iter().map(|x| x + away).collect()))
    }
}
