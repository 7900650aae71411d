//! `--plot`: the course of a training as an SVG.

use std::error::Error;
use std::ops::Range;

use plotters::coord::ranged1d::{NoDefaultFormatting, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use subquad::train::Step;

const WIDTH: u32 = 720;
const HEIGHT: u32 = 760;

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

/// The drawing: the MSE per step on a logarithmic scale, the residual ratio, the CG iterations.
pub fn draw(title: &str, first: f64, steps: &[Step], tolerance: f64) -> Result<String, Box<dyn Error>> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, HEIGHT)).into_drawing_area();
        root.fill(&WHITE)?;
        let root = root.margin(8, 0, 0, 0).titled(title, ("sans-serif", 18))?;
        let (upper, rest) = root.split_vertically(360);
        let (middle, lower) = rest.split_vertically(180);
        let n = steps.len();
        let note = TextStyle::from(("sans-serif", 11).into_font()).color(&RED).pos(Pos::new(HPos::Left, VPos::Bottom));

        let mut mses = vec![(0.0, first)];
        mses.extend(steps.iter().map(|step| (step.step as f64, step.train_mse)));
        // A logarithmic axis has no 0.
        mses.iter_mut().for_each(|(_, mse)| *mse = mse.max(1e-30));
        let least = mses.iter().map(|(_, mse)| *mse).chain(Some(tolerance).filter(|t| *t > 0.0)).fold(f64::INFINITY, f64::min);
        let most = mses.iter().map(|(_, mse)| *mse).fold(0.0, f64::max);
        let (low, high) = (10f64.powf((least.log10() - 0.2).floor()), 10f64.powf((most.log10() + 0.1).ceil()));
        let mut chart = ChartBuilder::on(&upper)
            .margin(10)
            .x_label_area_size(28)
            .y_label_area_size(64)
            .build_cartesian_2d(Steps(n), (low..high).log_scale())?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .y_desc("training MSE")
            .y_labels(8)
            .y_label_formatter(&|y| format!("{y:.0e}"))
            .draw()?;
        if tolerance > 0.0 {
            let ends = [(-0.4, tolerance), (n as f64 + 0.4, tolerance)];
            chart.draw_series(DashedLineSeries::new(ends, 6, 4, RED.mix(0.7).into()))?;
            chart.draw_series([Text::new(format!("goal {tolerance:.0e}"), (-0.36, tolerance), note.clone())])?;
        }
        chart.draw_series(LineSeries::new(mses.iter().copied(), BLUE.stroke_width(2)))?;
        chart.draw_series(mses.iter().map(|point| Circle::new(*point, 4, BLUE.filled())))?;

        let ratios: Vec<(f64, f64)> = steps.iter().map(|step| (step.step as f64, step.residual_ratio)).collect();
        let top = ratios.iter().map(|(_, ratio)| *ratio).fold(0.4, f64::max) * 1.1;
        let mut chart =
            ChartBuilder::on(&middle).margin(10).x_label_area_size(28).y_label_area_size(64).build_cartesian_2d(Steps(n), 0.0..top)?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .y_desc("residual ratio")
            .y_labels(5)
            .y_label_formatter(&|y| format!("{y:.2}"))
            .draw()?;
        let third = [(-0.4, 1.0 / 3.0), (n as f64 + 0.4, 1.0 / 3.0)];
        chart.draw_series(DashedLineSeries::new(third, 6, 4, RED.mix(0.7).into()))?;
        chart.draw_series([Text::new("1/3", (-0.36, 1.0 / 3.0), note.clone())])?;
        chart.draw_series(LineSeries::new(ratios.iter().copied(), BLUE.stroke_width(2)))?;
        chart.draw_series(ratios.iter().map(|point| Circle::new(*point, 4, BLUE.filled())))?;

        let most = steps.iter().map(|step| step.cg_iterations).max().unwrap_or(0).max(1) as f64 * 1.15;
        let mut chart =
            ChartBuilder::on(&lower).margin(10).x_label_area_size(44).y_label_area_size(64).build_cartesian_2d(Steps(n), 0.0..most)?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_desc("step")
            .y_desc("CG iterations")
            .y_labels(5)
            .y_label_formatter(&|y| format!("{y:.0}"))
            .draw()?;
        chart.draw_series(steps.iter().map(|step| {
            let (x, y) = (step.step as f64, step.cg_iterations as f64);
            Rectangle::new([(x - 0.25, 0.0), (x + 0.25, y)], BLUE.mix(0.7).filled())
        }))?;
        root.present()?;
    }
    Ok(svg)
}
