//! Charts as data, and drawing them. Nothing here knows what is drawn.

mod draw;
mod export;

use plotters::style::RGBColor;

pub(crate) use draw::superscript;
pub use draw::{PlotError, to_svg};
pub use export::{Format, export};

/// Okabe and Ito's palette, told apart by every kind of colour vision; dark to light, so that a series of them has an order.
pub const PALETTE: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
];
/// The colour that pages replace by the colour of their text.
pub const INK: RGBColor = RGBColor(0, 0, 0);

/// A chart over two axes.
#[derive(Clone, Debug)]
pub struct Chart {
    /// The title above the chart; empty for none, if a caption elsewhere says it.
    pub title: String,
    pub x: Axis,
    pub y: Axis,
    /// Drawn in this order.
    pub series: Vec<Series>,
    /// Texts on the y axis in place of numbers, at 0, −1, −2, …
    pub rows: Vec<String>,
}

/// One axis. Without a label it is not drawn, and both have one scale.
#[derive(Clone, Debug)]
pub struct Axis {
    /// What it measures, with the unit.
    pub label: String,
    pub range: (f64, f64),
    pub logarithmic: bool,
}

/// Points of one kind.
#[derive(Clone, Debug)]
pub struct Series {
    /// What the legend calls it; none leaves it out.
    pub label: Option<String>,
    pub colour: RGBColor,
    pub style: Style,
    pub points: Vec<(f64, f64)>,
}

/// How points are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Style {
    /// Dots of this radius.
    Dots(u32),
    /// Upright triangles of this radius.
    Triangles(u32),
    /// A line through them, of this width.
    Line(u32),
    /// A dashed one.
    Dashes(u32),
    /// The area they surround, this opaque.
    Area(f64),
    /// Each two successive points as the ends of an interval.
    Intervals(u32),
}

impl Chart {
    /// A chart of these series.
    pub fn new(x: Axis, y: Axis, series: Vec<Series>) -> Self {
        Self { title: String::new(), x, y, series, rows: Vec::new() }
    }
}

impl Axis {
    /// A linear axis over all these values, with a margin.
    pub fn over(label: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = bounds(values);
        // A curve that hardly moves is drawn flat, and not magnified to the height of the picture.
        let margin = (0.05 * (high - low)).max(0.01 * high.abs()).max(f64::MIN_POSITIVE);
        Self { label: label.into(), range: (low - margin, high + margin), logarithmic: false }
    }

    /// A logarithmic axis over all these values, with a margin.
    pub fn logarithmic(label: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = bounds(values.into_iter().filter(|value| *value > 0.0).map(f64::log10));
        Self { label: label.into(), range: (10f64.powf(low) / 1.3, 10f64.powf(high) * 1.3), logarithmic: true }
    }

    /// An axis that is not drawn.
    pub fn hidden(range: (f64, f64)) -> Self {
        Self { label: String::new(), range, logarithmic: false }
    }
}

impl Series {
    /// Named points.
    pub fn new(label: impl Into<String>, colour: RGBColor, style: Style, points: Vec<(f64, f64)>) -> Self {
        Self { label: Some(label.into()), colour, style, points }
    }

    /// The same, without a place in the legend.
    pub fn unnamed(self) -> Self {
        Self { label: None, ..self }
    }
}

fn bounds(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let finite = values.into_iter().filter(|value| value.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
    if low <= high { (low, high) } else { (0.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever there is to draw: nothing, one point, no finite point, numbers of every size.
    #[test]
    fn every_chart_is_drawn_in_every_format() {
        let kinds = [vec![], vec![(0.0, 0.0)], vec![(f64::NAN, f64::INFINITY)], vec![(1e-300, -1e300), (1e300, 1e-12)]];
        let axes = [Axis::over, |label: &str, values: Vec<f64>| Axis::logarithmic(label, values)];
        for points in kinds {
            for axis in axes {
                let [x, y] = [0, 1].map(|k| points.iter().map(|p| if k == 0 { p.0 } else { p.1 }).collect());
                let styles = [Style::Dots(3), Style::Line(2), Style::Dashes(2), Style::Area(1.0), Style::Intervals(2)];
                let series = styles.map(|style| Series::new("η̃λ₁", PALETTE[0], style, points.clone()));
                let chart = Chart::new(axis("x", x), axis("y", y), series.to_vec());
                let svg = to_svg(&chart).unwrap();
                assert!(export(&svg, Format::Png).unwrap().starts_with(b"\x89PNG"));
                assert!(export(&svg, Format::Pdf).unwrap().starts_with(b"%PDF"));
            }
        }
    }
}
