use std::sync::Once;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, register_font};
use thiserror::Error;

use super::{Axis, Chart, INK, Series, Style};

/// Pixels of a drawing; small, so that its letters can be read in a column of a paper or on a telephone.
const SIZE: (u32, u32) = (1000, 720);
const FONT: &str = "sans-serif";
const LABEL: i32 = 35;
const TICK: i32 = 31;
/// Height of a line of the legend, and the length of its samples.
const LINE: i32 = 44;
const SAMPLE: i32 = 44;
const GAP: i32 = 26;
const TITLE: i32 = 54;

/// A drawing that failed.
#[derive(Debug, Error)]
#[error("cannot draw: {0}")]
pub struct PlotError(pub(super) String);

type Plane<'a, B> = ChartContext<'a, B, Cartesian2d<Ruled, Ruled>>;

/// Draws a chart as SVG, on no background.
///
/// # Errors
/// The drawing failed.
pub fn to_svg(chart: &Chart) -> Result<String, PlotError> {
    static FONTS: Once = Once::new();
    FONTS.call_once(|| {
        // A font that cannot be read shows as an error of the drawing below.
        let _ = register_font(FONT, FontStyle::Normal, dejavu::sans::regular());
    });
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
    let drawn = draw(&area, chart).and_then(|()| area.present().map_err(|error| error.to_string()));
    drop(area);
    drawn.map_err(PlotError)?;
    Ok(svg)
}

fn draw<B: DrawingBackend>(area: &DrawingArea<B, Shift>, chart: &Chart) -> Result<(), String> {
    let (title, area) = area.split_vertically(if chart.title.is_empty() { 0 } else { TITLE });
    let style = TextStyle::from((FONT, LABEL)).pos(Pos::new(HPos::Center, VPos::Center)).color(&INK);
    title.draw(&Text::new(chart.title.clone(), (SIZE.0 as i32 / 2, TITLE / 2 + 4), style)).map_err(text)?;
    let area = &area;
    let (legend, below) = area.split_vertically(legend_height(area, chart)?);
    draw_legend(&legend, chart)?;
    let hidden = chart.x.label.is_empty();
    let (x_ticks, y_ticks) = (ticks(&chart.x), rows(chart).unwrap_or_else(|| ticks(&chart.y)));
    let mut builder = ChartBuilder::on(&below);
    builder.margin(8).margin_right(34).margin_top(14);
    if !hidden {
        let description = if chart.y.label.is_empty() { 0 } else { 68 };
        let widest = text_width(&below, y_ticks.iter().map(|tick| tick.1.as_str()))?;
        builder.x_label_area_size(96).y_label_area_size(widest + 24 + description);
    }
    let (x, y) = if hidden { one_scale(&chart.x, &chart.y, &below) } else { (shown(&chart.x), shown(&chart.y)) };
    let places = |ticks: &[(f64, String)]| ticks.iter().map(|tick| tick.0).collect::<Vec<_>>();
    let ruled =
        |range: (f64, f64), ticks: &[(f64, String)]| Ruled { range: (range.0..range.1).into(), ticks: places(ticks) };
    let mut plane = builder.build_cartesian_2d(ruled(x, &x_ticks), ruled(y, &y_ticks)).map_err(text)?;
    if !hidden {
        let name = |ticks: &[(f64, String)], value: f64| {
            ticks.iter().find(|tick| tick.0 == value).map_or(String::new(), |tick| tick.1.clone())
        };
        plane
            .configure_mesh()
            .x_desc(&chart.x.label)
            .y_desc(&chart.y.label)
            .x_label_formatter(&|value| name(&x_ticks, *value))
            .y_label_formatter(&|value| name(&y_ticks, *value))
            .axis_desc_style((FONT, LABEL))
            .label_style((FONT, TICK))
            .light_line_style(TRANSPARENT)
            .bold_line_style(INK.mix(0.12))
            .draw()
            .map_err(text)?;
    }
    for series in &chart.series {
        draw_series(&mut plane, chart, series)?;
    }
    Ok(())
}

/// An axis with ticks of our own.
struct Ruled {
    range: RangedCoordf64,
    ticks: Vec<f64>,
}

impl Ranged for Ruled {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        self.range.map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.range.range()
    }
}

/// Places on a drawn axis, with what stands there: 1, 2 or 5 times powers of ten.
fn ticks(axis: &Axis) -> Vec<(f64, String)> {
    let (low, high) = axis.range;
    if !axis.logarithmic {
        let rough = (high - low) / 6.0;
        let power = 10f64.powf(rough.log10().floor());
        let step = power * [1.0, 2.0, 5.0, 10.0].into_iter().find(|step| step * power >= rough).unwrap_or(10.0);
        let first = (low / step).ceil() as i64;
        let places = (first..).map(|k| k as f64 * step).take_while(|place| *place <= high).take(20);
        return places.map(|place| (place, plain(place))).collect();
    }
    let decades = (low.log10().floor() as i32)..=(high.log10().ceil() as i32);
    let span = (high / low).log10();
    let digits: &[f64] = if span < 2.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let every = (span / 7.0).ceil().max(1.0) as i32;
    let chosen = decades.filter(|decade| decade.rem_euclid(every) == 0);
    let places = chosen.flat_map(|decade| digits.iter().map(move |&digit| (digit, decade)));
    let within = places.filter(|(digit, decade)| (low..=high).contains(&(digit * 10f64.powi(*decade))));
    within.map(|(digit, decade)| (digit.log10() + f64::from(decade), power(digit, decade))).collect()
}

/// Texts in place of numbers.
fn rows(chart: &Chart) -> Option<Vec<(f64, String)>> {
    let rows = chart.rows.iter().enumerate().map(|(k, row)| (-(k as f64), row.clone()));
    (!chart.rows.is_empty()).then(|| rows.collect())
}

fn draw_series<B: DrawingBackend>(plane: &mut Plane<'_, B>, chart: &Chart, series: &Series) -> Result<(), String> {
    let scaled = |axis: &Axis, value: f64| if axis.logarithmic { value.log10() } else { value };
    let points: Vec<(f64, f64)> =
        series.points.iter().map(|p| (scaled(&chart.x, p.0), scaled(&chart.y, p.1))).collect();
    let finite = points.iter().copied().filter(|p| p.0.is_finite() && p.1.is_finite());
    let colour = series.colour;
    match series.style {
        Style::Dots(size) => plane.draw_series(finite.map(|p| Circle::new(p, size, colour.filled()))).map(|_| ()),
        Style::Triangles(size) => {
            plane.draw_series(finite.map(|p| TriangleMarker::new(p, size, colour.filled()))).map(|_| ())
        }
        Style::Line(width) => plane.draw_series(LineSeries::new(finite, colour.stroke_width(width))).map(|_| ()),
        Style::Dashes(width) => {
            plane.draw_series(DashedLineSeries::new(finite, 14, 10, colour.stroke_width(width))).map(|_| ())
        }
        Style::Area(opacity) => {
            let corners: Vec<(f64, f64)> = finite.collect();
            if opacity == 1.0 {
                // Neighbours that only touch let the background through.
                let around = corners.iter().chain(corners.first()).copied().collect::<Vec<_>>();
                plane.draw_series([PathElement::new(around, colour.stroke_width(1))]).map_err(text)?;
            }
            plane.draw_series([Polygon::new(corners, colour.mix(opacity))]).map(|_| ())
        }
        Style::Intervals(width) => {
            let ends: Vec<(f64, f64)> = finite.collect();
            let lines = ends.chunks_exact(2).map(|pair| PathElement::new(pair.to_vec(), colour.stroke_width(width)));
            plane.draw_series(lines).map(|_| ())
        }
    }
    .map_err(text)
}

/// Lines of the legend: which series each names, and where.
fn legend_lines<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    chart: &Chart,
) -> Result<Vec<Vec<(usize, i32)>>, String> {
    let mut lines: Vec<Vec<(usize, i32)>> = Vec::new();
    let mut right = i32::MAX;
    for (k, series) in chart.series.iter().enumerate() {
        let Some(label) = &series.label else { continue };
        let width = SAMPLE + 10 + text_width(area, std::iter::once(label.as_str()))?;
        if right.saturating_add(width) > SIZE.0 as i32 - 20 {
            lines.push(Vec::new());
            right = 30;
        }
        lines.last_mut().map(|line| line.push((k, right))).unwrap_or_default();
        right += width + GAP;
    }
    Ok(lines)
}

fn legend_height<B: DrawingBackend>(area: &DrawingArea<B, Shift>, chart: &Chart) -> Result<i32, String> {
    let lines = legend_lines(area, chart)?.len() as i32;
    Ok(if lines == 0 { 0 } else { lines * LINE + 10 })
}

fn draw_legend<B: DrawingBackend>(area: &DrawingArea<B, Shift>, chart: &Chart) -> Result<(), String> {
    let style = TextStyle::from((FONT, TICK)).pos(Pos::new(HPos::Left, VPos::Center)).color(&INK);
    for (row, line) in legend_lines(area, chart)?.into_iter().enumerate() {
        let y = 10 + LINE / 2 + row as i32 * LINE;
        for (k, x) in line {
            let Series { label, colour, style: drawn, .. } = &chart.series[k];
            let middle = (x + SAMPLE / 2, y);
            let bar = |half: i32, filled: ShapeStyle| Rectangle::new([(x, y - half), (x + SAMPLE, y + half)], filled);
            match *drawn {
                Style::Dots(size) => area.draw(&Circle::new(middle, size.max(5), colour.filled())),
                Style::Triangles(size) => area.draw(&TriangleMarker::new(middle, size.max(7), colour.filled())),
                Style::Line(width) | Style::Intervals(width) => {
                    area.draw(&PathElement::new([(x, y), (x + SAMPLE, y)], colour.stroke_width(width)))
                }
                Style::Dashes(width) => {
                    area.draw(&PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(width))).and_then(|()| {
                        area.draw(&PathElement::new([(x + 28, y), (x + SAMPLE, y)], colour.stroke_width(width)))
                    })
                }
                Style::Area(opacity) => area.draw(&bar(10, colour.mix(opacity).filled())),
            }
            .map_err(text)?;
            let label = label.clone().unwrap_or_default();
            area.draw(&Text::new(label, (x + SAMPLE + 10, y), style.clone())).map_err(text)?;
        }
    }
    Ok(())
}

fn text_width<'a, B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    texts: impl Iterator<Item = &'a str>,
) -> Result<i32, String> {
    let style = (FONT, TICK).into_text_style(area);
    let mut widest = 0;
    for line in texts {
        widest = widest.max(area.estimate_text_size(line, &style).map_err(text)?.0 as i32);
    }
    Ok(widest)
}

/// The range in drawn units.
fn shown(axis: &Axis) -> (f64, f64) {
    let (low, high) = axis.range;
    if axis.logarithmic { (low.log10(), high.log10()) } else { (low, high) }
}

/// Ranges widened so that both axes have one scale.
fn one_scale<B: DrawingBackend>(x: &Axis, y: &Axis, area: &DrawingArea<B, Shift>) -> ((f64, f64), (f64, f64)) {
    let (width, height) = area.dim_in_pixel();
    let (a, b) = (x.range.1 - x.range.0, y.range.1 - y.range.0);
    let unit = (a / f64::from(width)).max(b / f64::from(height));
    let widened = |(low, high): (f64, f64), pixels: u32| {
        let (middle, half) = (0.5 * (low + high), 0.5 * unit * f64::from(pixels));
        (middle - half, middle + half)
    };
    (widened(x.range, width), widened(y.range, height))
}

fn text<E: std::error::Error + Send + Sync>(error: DrawingAreaErrorKind<E>) -> String {
    error.to_string()
}

/// A digit times a power of ten.
fn power(digit: f64, decade: i32) -> String {
    if (-3..=4).contains(&decade) {
        return plain(digit * 10f64.powi(decade));
    }
    let digits: String = decade.to_string().chars().map(superscript).collect();
    if digit == 1.0 { format!("10{digits}") } else { format!("{digit}·10{digits}") }
}

/// A number without the digits that rounding adds.
fn plain(value: f64) -> String {
    if value.abs() < 1e-12 {
        return "0".into();
    }
    if !(1e-4..1e7).contains(&value.abs()) {
        let decade = value.abs().log10().floor();
        return power(value / 10f64.powf(decade), decade as i32);
    }
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// A sign or a digit, raised.
pub(crate) fn superscript(c: char) -> char {
    match c {
        '-' => '⁻',
        _ => ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][c.to_digit(10).unwrap_or(0) as usize],
    }
}
