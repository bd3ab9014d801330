//! The loss on the sphere, with Γ, a run and the flow, as a figure.

use plotters::style::RGBColor;

use super::figure::{Figure, of_kind, scientific, table};
use crate::plot::{Axis, Chart, PALETTE, Series, Style};
use sharpflow_theorems::evidence::{Kept, Table};

/// The colour of Γ on the sphere. The sphere has the same colours on light and on dark paper, so that this colour does not change either.
const SHADE: RGBColor = RGBColor(40, 40, 40);

/// A view of the sphere from above the start. The frame is turned so that its last axis points to the eye.
struct View {
    right: [f64; 3],
    up: [f64; 3],
    eye: [f64; 3],
}

impl View {
    fn above(point: [f64; 3]) -> Self {
        let (longitude, latitude) = (point[1].atan2(point[0]) + 0.2, 0.35f64);
        let eye = [latitude.cos() * longitude.cos(), latitude.cos() * longitude.sin(), latitude.sin()];
        let right = [-longitude.sin(), longitude.cos(), 0.0];
        let up = [
            eye[1] * right[2] - eye[2] * right[1],
            eye[2] * right[0] - eye[0] * right[2],
            eye[0] * right[1] - eye[1] * right[0],
        ];
        Self { right, up, eye }
    }

    /// On paper, and whether it is on the near side.
    fn project(&self, p: &[f64; 3]) -> ((f64, f64), bool) {
        let along = |axis: &[f64; 3]| axis[0] * p[0] + axis[1] * p[1] + axis[2] * p[2];
        ((along(&self.right), along(&self.up)), along(&self.eye) > 0.0)
    }
}

fn space(table: &Table) -> Vec<[f64; 3]> {
    let columns = table.column("x").zip(table.column("y")).zip(table.column("z"));
    columns.map(|((x, y), z)| [x, y, z]).collect()
}

pub(super) fn figure(kept: &Kept) -> Option<Figure> {
    let surface = of_kind(kept, "surface").next()?;
    let name = &surface.instance;
    let path = space(table(kept, "path", name)?);
    let minimizers = space(table(kept, "minimizers", name)?);
    let iterates = space(table(kept, "iterates", name)?);
    let view = View::above(*path.get(path.len() / 2)?);
    let losses: Vec<f64> = surface.column("loss").collect();
    let grid: Vec<(f64, f64)> = surface.column("latitude").zip(surface.column("longitude")).collect();
    let first = grid.first()?.0;
    let around = grid.iter().take_while(|point| point.0 == first).count();
    // A grid that is cut off has no squares.
    if around < 2 || !grid.len().is_multiple_of(around) || losses.len() != grid.len() {
        return None;
    }
    let (low, high) = losses.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &x| (l.min(x), h.max(x)));
    let mut series = Vec::new();
    let corner = |k: usize| {
        let (latitude, longitude) = (grid[k].0.to_radians(), grid[k].1.to_radians());
        view.project(&[latitude.cos() * longitude.cos(), latitude.cos() * longitude.sin(), latitude.sin()])
    };
    for k in (0..grid.len().saturating_sub(around)).filter(|k| (k + 1) % around != 0) {
        let corners = [k, k + 1, k + around + 1, k + around];
        let seen = corners.map(corner);
        if seen.iter().all(|(_, near)| !near) {
            continue;
        }
        // The loss spans decades: its square root tells the valley from its walls.
        let mean = corners.iter().map(|&k| losses[k]).sum::<f64>() / 4.0;
        let height = ((mean - low) / (high - low)).clamp(0.0, 1.0).sqrt();
        let shade = |from: u8, to: u8| (f64::from(from) + height * (f64::from(to) - f64::from(from))) as u8;
        let colour = RGBColor(shade(236, 66), shade(240, 92), shade(246, 138));
        let points = seen.iter().map(|(point, _)| *point).collect();
        series.push(Series::new("", colour, Style::Area(1.0), points).unnamed());
    }
    let near = |points: &[[f64; 3]]| -> Vec<(f64, f64)> {
        points.iter().map(|p| view.project(p)).filter(|(_, near)| *near).map(|(point, _)| point).collect()
    };
    // The far side is hidden: what is left of a closed curve can be two pieces.
    let pieces = minimizers.chunk_by(|a, b| view.project(a).1 == view.project(b).1);
    for (k, piece) in pieces.map(near).filter(|piece| piece.len() > 1).enumerate() {
        let piece = Series::new("Γ", SHADE, Style::Line(3), piece);
        series.push(if k == 0 { piece } else { piece.unnamed() });
    }
    series.push(Series::new("gradient descent", PALETTE[1], Style::Dots(4), near(&iterates)));
    series.push(Series::new("the flow", PALETTE[5], Style::Line(5), near(&path)));
    series.push(Series::new("its start", PALETTE[5], Style::Triangles(10), near(&path[..1])));
    let lr = table(kept, "path", name)?.column("intrinsic_lr").next()?;
    let caption = format!(
        "The loss of {name} on the sphere (dark is high), its minimizers Γ, gradient descent with weight decay at ηλ = {}, and the sharpness-reduction flow.",
        scientific(lr)
    );
    let range = (-1.05, 1.05);
    let mut chart = Chart::new(Axis::hidden(range), Axis::hidden(range), series);
    chart.title = String::new();
    Some(Figure { name: "sphere", caption, chart })
}
