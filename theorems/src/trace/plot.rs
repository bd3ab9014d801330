use std::path::Path;
use std::sync::Once;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

use super::{Row, Setup, TraceError};

/// Points kept for a picture; beyond them every second is dropped, again and again.
const KEPT: usize = 4096;
/// Characters of an instance's name in the title.
const TITLE: usize = 40;
const SIZE: (u32, u32) = (1600, 1000);
/// Okabe and Ito's palette, told apart by every kind of colour vision.
const SKY: RGBColor = RGBColor(86, 180, 233);
const BLUE: RGBColor = RGBColor(0, 84, 147);
const VERMILION: RGBColor = RGBColor(213, 94, 0);

/// The points of a trace's picture, in bounded memory.
pub(super) struct Points {
    /// Whether the abscissa is τ, rather than steps.
    in_flow_time: bool,
    title: String,
    every: u64,
    seen: u64,
    rows: Vec<Row>,
}

impl Points {
    pub(super) fn new(setup: &Setup) -> Self {
        let intrinsic_lr = setup.descent_intrinsic_lr();
        // The end of a long path says more than its beginning.
        let name: Vec<char> = setup.name.chars().collect();
        let shown: String = name[name.len().saturating_sub(TITLE)..].iter().collect();
        let decay = if intrinsic_lr > 0.0 { format!("ηλ = {intrinsic_lr:.1e}") } else { "no weight decay".into() };
        let title = format!("Spherical sharpness, {shown}, {decay}");
        Self { in_flow_time: intrinsic_lr > 0.0, title, every: 1, seen: 0, rows: Vec::new() }
    }

    pub(super) fn add(&mut self, row: &Row) {
        if self.seen.is_multiple_of(self.every) {
            if self.rows.len() == KEPT {
                let mut keep = false;
                self.rows.retain(|_| {
                    keep = !keep;
                    keep
                });
                self.every *= 2;
            }
            if self.seen.is_multiple_of(self.every) {
                self.rows.push(*row);
            }
        }
        self.seen += 1;
    }

    fn along(&self, ordinate: fn(&Row) -> f64) -> Vec<(f64, f64)> {
        let abscissa = |row: &Row| if self.in_flow_time { row.tau } else { row.step as f64 };
        self.rows.iter().map(|row| (abscissa(row), ordinate(row))).collect()
    }
}

/// Draws λ₁ against τ: at the iterates, on Γ, and as the flow predicts, into an SVG or PNG by the path's ending.
pub(super) fn draw(path: &Path, mark: &str, points: &Points) -> Result<(), TraceError> {
    static FONTS: Once = Once::new();
    FONTS.call_once(|| {
        // A font that cannot be read shows as an error of the drawing below.
        let _ = register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular());
    });
    let title = format!("{}{mark}", points.title);
    let drawn = if path.extension().is_some_and(|extension| extension == "svg") {
        draw_on(SVGBackend::new(path, SIZE).into_drawing_area(), &title, points)
    } else {
        draw_on(BitMapBackend::new(path, SIZE).into_drawing_area(), &title, points)
    };
    drawn.map_err(|reason| TraceError::Plot { path: path.into(), reason })
}

fn draw_on<B: DrawingBackend>(area: DrawingArea<B, Shift>, title: &str, points: &Points) -> Result<(), String> {
    let text = |error: DrawingAreaErrorKind<B::ErrorType>| error.to_string();
    let at_theta = points.along(|row| row.sharpness);
    let on_gamma = points.along(|row| row.sharpness_on_gamma);
    let predicted = points.along(|row| row.sharpness_predicted);
    let values = || at_theta.iter().chain(&on_gamma).chain(&predicted).map(|p| p.1).filter(|y| y.is_finite());
    let (low, high) = values().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), y| (l.min(y), h.max(y)));
    let end = at_theta.last().map_or(1.0, |p| p.0);
    if !(low <= high) {
        return Err("there is no finite point to draw".into());
    }
    // What hardly moves is drawn as such, not magnified to the height of the picture.
    let margin = (0.05 * (high - low)).max(0.1 * high.abs()).max(f64::MIN_POSITIVE);
    area.fill(&WHITE).map_err(text)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 34))
        .margin(24)
        .margin_right(60)
        .x_label_area_size(80)
        .y_label_area_size(120)
        .build_cartesian_2d(0.0..end.max(f64::MIN_POSITIVE), low - margin..high + margin)
        .map_err(text)?;
    chart
        .configure_mesh()
        .x_desc(if points.in_flow_time { "τ = t·ηλ" } else { "step t" })
        .y_desc("λ₁")
        .x_label_formatter(&plain)
        .y_label_formatter(&plain)
        .axis_desc_style(("sans-serif", 32))
        .label_style(("sans-serif", 26))
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.1))
        .draw()
        .map_err(text)?;
    let dots = at_theta.into_iter().map(|p| Circle::new(p, 2, SKY.filled()));
    chart
        .draw_series(dots)
        .map_err(text)?
        .label("at the iterate θ")
        .legend(|(x, y)| Circle::new((x + 20, y), 5, SKY.filled()));
    chart
        .draw_series(LineSeries::new(on_gamma, BLUE.stroke_width(5)))
        .map_err(text)?
        .label("at its nearest point on Γ")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 40, y)], BLUE.stroke_width(5)));
    chart
        .draw_series(DashedLineSeries::new(predicted, 14, 10, VERMILION.stroke_width(4)))
        .map_err(text)?
        .label("predicted by the flow")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], VERMILION.stroke_width(4)));
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .legend_area_size(60)
        .margin(20)
        .background_style(WHITE.mix(0.9))
        .border_style(BLACK.mix(0.3))
        .label_font(("sans-serif", 28))
        .draw()
        .map_err(text)?;
    area.present().map_err(text)
}

/// A label without the digits that rounding adds.
fn plain(label: &f64) -> String {
    if *label != 0.0 && !(1e-3..1e7).contains(&label.abs()) {
        return format!("{label:.2e}");
    }
    let text = format!("{label:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}
