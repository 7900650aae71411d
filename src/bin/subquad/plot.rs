//! `--plot`: the course of a training as an SVG.

use std::error::Error;
use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{NoDefaultFormatting, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use subquad::train::Step;

const WIDTH: u32 = 720;
const HEIGHT: u32 = 940;
/// More steps than this are a line without marks.
const MARKS: usize = 60;

/// Step numbers: whole ones get a mark, and there is half a step of air on both sides.
#[derive(Clone)]
struct Steps(usize);

impl Ranged for Steps {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let share = (value + 0.4) / (self.0 as f64 + 0.8);
        limit.0 + (share * f64::from(limit.1 - limit.0)).round() as i32
    }

    fn key_points<H: plotters::coord::ranged1d::KeyPointHint>(&self, hint: H) -> Vec<f64> {
        let stride = self.0.div_ceil(hint.max_num_points().clamp(1, 20)).max(1);
        (0..=self.0).step_by(stride).map(|step| step as f64).collect()
    }

    fn range(&self) -> Range<f64> {
        -0.4..self.0 as f64 + 0.4
    }
}

impl ValueFormatter<f64> for Steps {
    fn format(value: &f64) -> String {
        format!("{value:.0}")
    }
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

fn note() -> TextStyle<'static> {
    TextStyle::from(("sans-serif", 11).into_font()).color(&RED).pos(Pos::new(HPos::Left, VPos::Bottom))
}

/// The drawing: the MSE per step on a logarithmic scale, the residual ratio, the CG iterations, the share that fires.
pub fn draw(title: &str, first: f64, steps: &[Step], tolerance: f64) -> Result<String, Box<dyn Error>> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, HEIGHT)).into_drawing_area();
        root.fill(&WHITE)?;
        let root = root.margin(8, 0, 0, 0).titled(title, ("sans-serif", 18))?;
        let (upper, rest) = root.split_vertically(360);
        let (ratios, rest) = rest.split_vertically(180);
        let (iterations, share) = rest.split_vertically(170);
        losses(&upper, first, steps, tolerance)?;
        curve(&ratios, steps, "residual ratio", "", Some((1.0 / 3.0, "1/3")), 0.4, |step| Some(step.residual_ratio))?;
        bars(&iterations, steps)?;
        curve(&share, steps, "fires, %", "step", None, 1.0, |step| Some(100.0 * step.fired))?;
        root.present()?;
    }
    Ok(svg)
}

/// The training MSE and, where it was measured, that of the validation rows and under attack.
fn losses(area: &Area<'_>, first: f64, steps: &[Step], tolerance: f64) -> Drawn {
    let n = steps.len();
    // A logarithmic axis has no 0.
    let up = |mse: f64| mse.max(1e-30);
    let course = |of: &dyn Fn(&Step) -> Option<f64>| -> Vec<(f64, f64)> {
        steps.iter().filter_map(|step| Some((step.step as f64, up(of(step)?)))).collect()
    };
    let mut training = vec![(0.0, up(first))];
    training.extend(course(&|step| Some(step.train_mse)));
    let (validation, attacked) = (course(&|step| step.validation_mse), course(&|step| step.robust_mse));
    let all = || training.iter().chain(&validation).chain(&attacked).map(|(_, mse)| *mse);
    let least = all().chain(Some(tolerance).filter(|t| *t > 0.0)).fold(f64::INFINITY, f64::min);
    let most = all().fold(0.0, f64::max);
    let (low, high) = (10f64.powf((least.log10() - 0.2).floor()), 10f64.powf((most.log10() + 0.1).ceil()));
    let mut chart = ChartBuilder::on(area)
        .margin(10)
        .x_label_area_size(28)
        .y_label_area_size(64)
        .build_cartesian_2d(Steps(n), (low..high).log_scale())?;
    let format = |y: &f64| format!("{y:.0e}");
    chart.configure_mesh().light_line_style(WHITE).y_desc("MSE").y_labels(8).y_label_formatter(&format).draw()?;
    if tolerance > 0.0 {
        let ends = [(-0.4, tolerance), (n as f64 + 0.4, tolerance)];
        chart.draw_series(DashedLineSeries::new(ends, 6, 4, RED.mix(0.7).into()))?;
        chart.draw_series([Text::new(format!("goal {tolerance:.0e}"), (-0.36, tolerance), note())])?;
    }
    const ORANGE: RGBColor = RGBColor(230, 120, 0);
    const PURPLE: RGBColor = RGBColor(130, 0, 160);
    for (name, colour, points) in [("training", BLUE, training), ("validation", ORANGE, validation), ("attacked", PURPLE, attacked)] {
        if points.is_empty() {
            continue;
        }
        let line = chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?;
        line.label(name).legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        if n <= MARKS {
            chart.draw_series(points.iter().map(|point| Circle::new(*point, 4, colour.filled())))?;
        }
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.2))
        .label_font(("sans-serif", 12))
        .draw()?;
    Ok(())
}

/// One number per step, on a linear scale from 0.
fn curve(
    area: &Area<'_>,
    steps: &[Step],
    name: &str,
    below: &str,
    mark: Option<(f64, &'static str)>,
    least_top: f64,
    of: impl Fn(&Step) -> Option<f64>,
) -> Drawn {
    let n = steps.len();
    let points: Vec<(f64, f64)> =
        steps.iter().filter_map(|step| Some((step.step as f64, of(step)?))).filter(|(_, y)| y.is_finite()).collect();
    let top = points.iter().map(|(_, y)| *y).fold(least_top, f64::max) * 1.1;
    let mut chart = ChartBuilder::on(area)
        .margin(10)
        .x_label_area_size(if below.is_empty() { 28 } else { 44 })
        .y_label_area_size(64)
        .build_cartesian_2d(Steps(n), 0.0..top)?;
    let format = |y: &f64| if top < 5.0 { format!("{y:.2}") } else { format!("{y:.0}") };
    chart.configure_mesh().light_line_style(WHITE).x_desc(below).y_desc(name).y_labels(5).y_label_formatter(&format).draw()?;
    if let Some((at, text)) = mark {
        let ends = [(-0.4, at), (n as f64 + 0.4, at)];
        chart.draw_series(DashedLineSeries::new(ends, 6, 4, RED.mix(0.7).into()))?;
        chart.draw_series([Text::new(text, (-0.36, at), note())])?;
    }
    chart.draw_series(LineSeries::new(points.iter().copied(), BLUE.stroke_width(2)))?;
    if n <= MARKS {
        chart.draw_series(points.iter().map(|point| Circle::new(*point, 4, BLUE.filled())))?;
    }
    Ok(())
}

/// CG iterations.
fn bars(area: &Area<'_>, steps: &[Step]) -> Drawn {
    let most = steps.iter().map(|step| step.cg_iterations).max().unwrap_or(0).max(1) as f64 * 1.15;
    let mut chart =
        ChartBuilder::on(area).margin(10).x_label_area_size(28).y_label_area_size(64).build_cartesian_2d(Steps(steps.len()), 0.0..most)?;
    let format = |y: &f64| format!("{y:.0}");
    chart.configure_mesh().light_line_style(WHITE).y_desc("CG iterations").y_labels(5).y_label_formatter(&format).draw()?;
    chart.draw_series(steps.iter().map(|step| {
        let (x, y) = (step.step as f64, step.cg_iterations as f64);
        Rectangle::new([(x - 0.25, 0.0), (x + 0.25, y)], BLUE.mix(0.7).filled())
    }))?;
    Ok(())
}

/// What was predicted against what is true, in the target's own units.
pub fn predictions(name: &str, points: &[(f64, f64)]) -> Result<String, Box<dyn Error>> {
    let ends = |of: fn(&(f64, f64)) -> f64| {
        let (low, high) = points.iter().map(of).fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
        let air = 0.05 * (high - low).max(f64::MIN_POSITIVE);
        low - air..high + air
    };
    let (x, y) = (ends(|p| p.0), ends(|p| p.1));
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (480, 420)).into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart =
            ChartBuilder::on(&root).margin(10).x_label_area_size(44).y_label_area_size(64).build_cartesian_2d(x.clone(), y.clone())?;
        chart.configure_mesh().light_line_style(WHITE).x_desc(format!("{name}, true")).y_desc("predicted").draw()?;
        let (low, high) = (x.start.max(y.start), x.end.min(y.end));
        if low < high {
            chart.draw_series(LineSeries::new([(low, low), (high, high)], RED.mix(0.7)))?;
        }
        chart.draw_series(points.iter().map(|point| Circle::new(*point, 3, BLUE.mix(0.6).filled())))?;
        root.present()?;
    }
    Ok(svg)
}
