//! The picture of a trace.

use sharpflow_theorems::thinned::Thinned;
use sharpflow_theorems::trace::{Row, Setup};

use crate::plot::{Axis, Chart, PALETTE, Series, Style};

/// The most rows kept for a picture.
const KEPT: usize = 4096;
/// Characters of an instance's name in the title.
const TITLE: usize = 30;

/// The picture of a trace, gathered row by row in bounded memory.
pub struct Picture {
    /// Whether the abscissa is τ, rather than steps.
    in_flow_time: bool,
    title: String,
    rows: Thinned<Row>,
}

impl Picture {
    /// A picture without points.
    pub fn new(setup: &Setup) -> Self {
        let intrinsic_lr = setup.descent_intrinsic_lr();
        // The end of a long path says more than its beginning.
        let name: Vec<char> = setup.name.chars().collect();
        let shown: String = name[name.len().saturating_sub(TITLE)..].iter().collect();
        let decay = if intrinsic_lr > 0.0 { format!("ηλ = {intrinsic_lr:.1e}") } else { "no weight decay".into() };
        let title = format!("λ₁ of {shown}, {decay}");
        Self { in_flow_time: intrinsic_lr > 0.0, title, rows: Thinned::new(KEPT) }
    }

    /// Takes a row in.
    pub fn add(&mut self, row: &Row) {
        self.rows.add(*row);
    }

    fn along(&self, ordinate: fn(&Row) -> f64) -> Vec<(f64, f64)> {
        let abscissa = |row: &Row| if self.in_flow_time { row.tau } else { row.step as f64 };
        self.rows.kept().iter().map(|row| (abscissa(row), ordinate(row))).collect()
    }
}

impl Picture {
    /// λ₁ against τ: at the iterates, on Γ, and as the flow predicts.
    pub fn chart(&self, mark: &str) -> Chart {
        let at_theta = self.along(|row| row.sharpness);
        let on_gamma = self.along(|row| row.sharpness_on_gamma);
        let predicted = self.along(|row| row.sharpness_predicted);
        let all = || at_theta.iter().chain(&on_gamma).chain(&predicted);
        let mut y = Axis::over("λ₁", all().map(|p| p.1));
        // A λ₁ that hardly moves is drawn as such.
        let margin = 0.1 * y.range.0.abs().max(y.range.1.abs());
        y.range = (y.range.0 - margin, y.range.1 + margin);
        let end = all().map(|p| p.0).fold(f64::MIN_POSITIVE, f64::max);
        let label = if self.in_flow_time { "τ = t·ηλ" } else { "step t" };
        let x = Axis { range: (0.0, end), ..Axis::over(label, []) };
        let series = vec![
            Series::new("at the iterate θ", PALETTE[4], Style::Dots(2), at_theta),
            Series::new("at its nearest point on Γ", PALETTE[0], Style::Line(4), on_gamma),
            Series::new("predicted by the flow", PALETTE[1], Style::Dashes(3), predicted),
        ];
        Chart { title: format!("{}{mark}", self.title), ..Chart::new(x, y, series) }
    }
}
