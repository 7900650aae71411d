//! What the program says while it trains and at the end: to a person, or as JSON lines.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;
use subquad::train::{Progress, Step};

/// Lines on standard output. When nobody reads any more, work goes on in silence: a model may be waiting to be saved.
#[derive(Default)]
pub struct Out {
    closed: bool,
}

impl Out {
    pub fn line(&mut self, text: &str) {
        if !self.closed {
            let mut stdout = std::io::stdout().lock();
            self.closed = writeln!(stdout, "{}", text.trim_end()).and_then(|()| stdout.flush()).is_err();
        }
    }
}

/// One JSON object on one line, its keys in the order given. What is not finite becomes null.
pub fn json(fields: &[(&str, Value)]) -> String {
    let fields: Vec<String> = fields.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
    format!("{{{}}}", fields.join(","))
}

/// A number with two or three figures that mean something.
pub fn sci(x: f64) -> String {
    // Rounded first: 0.09999 has the digits of 0.1.
    let rounded: f64 = format!("{x:.2e}").parse().unwrap_or(x);
    if rounded == 0.0 {
        "0".into()
    } else if (0.01..1000.0).contains(&rounded.abs()) {
        let digits = (2 - rounded.abs().log10().floor() as i32).max(0) as usize;
        format!("{rounded:.digits$}")
    } else {
        format!("{x:.2e}")
    }
}

/// `part / whole` in percent. 100 % is said of the whole alone, and 0 % of nothing.
pub fn percent(part: usize, whole: usize) -> String {
    let share = 100.0 * part as f64 / whole as f64;
    let shown = if part == whole || part == 0 { share } else { share.clamp(0.01, 99.99) };
    let digits = if part == whole {
        0
    } else if !(0.1..=99.9).contains(&shown) {
        2
    } else {
        1
    };
    format!("{shown:.digits$} %")
}

/// 1,234,567
pub fn count(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 step`, `2 steps`
pub fn counted(n: usize, one: &str, more: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { more })
}

pub fn seconds(s: f64) -> String {
    match s {
        s if s < 0.0995 => format!("{:.0} ms", 1000.0 * s),
        s if s < 9.95 => format!("{s:.2} s"),
        s if s < 120.0 => format!("{s:.1} s"),
        s => format!("{:.0} min {:02.0} s", (s / 60.0).floor(), s % 60.0),
    }
}

/// The course of a loss in one line, on a logarithmic scale: the highest bar is the start.
pub fn sparkline(values: &[f64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let logs: Vec<f64> = values.iter().map(|x| x.max(1e-300).log10()).collect();
    let low = logs.iter().copied().fold(f64::INFINITY, f64::min);
    let high = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let bar = |log: &f64| BARS[((log - low) / (high - low).max(1e-9) * 7.0).round().clamp(0.0, 7.0) as usize];
    logs.iter().map(bar).collect()
}

/// The live part: a line per step, and a bar inside a step where a person watches.
pub struct Live {
    json: bool,
    out: Out,
    bar: ProgressBar,
    phase: &'static str,
    validated: bool,
}

impl Live {
    pub fn new(json: bool) -> Self {
        let target = if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(1), target);
        if let Ok(style) = ProgressStyle::with_template("        {msg:<26} {bar:24} {pos}/{len}  {elapsed}") {
            bar.set_style(style.progress_chars("━╸ "));
        }
        Self { json, out: Out::default(), bar, phase: "", validated: false }
    }

    /// Writes past the bar. One that has not begun is not drawn either.
    fn past_the_bar(&mut self, write: impl FnOnce(&mut Out)) {
        if self.phase.is_empty() {
            write(&mut self.out);
        } else {
            self.bar.suspend(|| write(&mut self.out));
        }
    }

    /// A line for a person; nothing with `--json`.
    pub fn say(&mut self, text: &str) {
        if !self.json {
            self.past_the_bar(|out| out.line(text));
        }
    }

    /// A line on standard error, for a person, whatever standard output is for.
    pub fn warn(&mut self, text: &str) {
        self.past_the_bar(|_| {
            let _ = writeln!(std::io::stderr(), "{text}");
        });
    }

    pub fn event(&mut self, fields: &[(&str, Value)]) {
        if self.json {
            self.past_the_bar(|out| out.line(&json(fields)));
        }
    }

    pub fn progress(&mut self, progress: Progress) {
        if self.bar.is_hidden() {
            return;
        }
        if self.phase != progress.phase {
            self.phase = progress.phase;
            self.bar.set_message(progress.phase);
            self.bar.reset();
            self.bar.enable_steady_tick(Duration::from_millis(200));
        }
        // Where nobody knows how much is to come, a count has to do.
        if progress.total > 0 {
            self.bar.set_length(progress.total as u64);
        } else {
            self.bar.unset_length();
        }
        self.bar.set_position(progress.done as u64);
    }

    pub fn head(&mut self, mse: f64, validated: bool) {
        self.validated = validated;
        let (head, none) = if validated { (" validation", "          -") } else { ("", "") };
        self.say(&format!("  step        MSE{head}    ratio     CG    damping   flipped     fired       time"));
        self.say(&format!("     0   {:>8}{none}        -      -          -         -         -          -", sci(mse)));
    }

    pub fn step(&mut self, step: &Step) {
        self.event(&[
            ("event", "step".into()),
            ("step", step.step.into()),
            ("train_mse", step.train_mse.into()),
            ("residual_ratio", step.residual_ratio.into()),
            ("cg_iterations", step.cg_iterations.into()),
            ("damping", step.damping.into()),
            ("flipped", step.flipped.into()),
            ("fired", step.fired.into()),
            ("seconds", step.seconds.into()),
            ("moved", step.moved.into()),
            ("validation_mse", step.validation_mse.into()),
            ("robust_mse", step.robust_mse.into()),
        ]);
        // Of many short steps a person wants to see some.
        let every = |k: usize| step.step.is_multiple_of(k);
        let quick = step.cg_iterations == 0;
        if (step.step > 20 && quick && !every(10)) || (step.step > 200 && !every(100)) {
            return;
        }
        let flipped = if step.flipped.is_nan() { "-      ".into() } else { format!("{:.1} %", 100.0 * step.flipped) };
        let validation = if self.validated { format!("   {:>8}", step.validation_mse.map_or("-".into(), sci)) } else { String::new() };
        let rejected = if step.rejected > 0 { format!("   ({} tried in vain)", step.rejected) } else { String::new() };
        self.say(&format!(
            "  {:>4}   {:>8}{validation}   {:>6.3}   {:>4}   {:>8}   {flipped:>7}   {:>5.1} %   {:>8}{rejected}",
            step.step,
            sci(step.train_mse),
            step.residual_ratio,
            step.cg_iterations,
            sci(step.damping),
            100.0 * step.fired,
            seconds(step.seconds),
        ));
    }

    /// The bar goes; what was said stays.
    pub fn end_of_steps(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Small images side by side, each under its caption: `pixels` row by row, 8 to a row, from 0 to 16.
pub fn images(images: &[(String, &[f32])]) -> Vec<String> {
    const SHADES: [char; 5] = [' ', '░', '▒', '▓', '█'];
    let mut lines = vec![images.iter().map(|(caption, _)| format!("{caption:<20}")).collect::<String>()];
    for row in 0..8 {
        let mut line = String::new();
        for (_, pixels) in images {
            for pixel in pixels.iter().skip(8 * row).take(8) {
                let shade = SHADES[((pixel / 4.0).round() as usize).min(4)];
                line.extend([shade, shade]);
            }
            line.push_str("    ");
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(
            [0.0, 0.5, 0.0123, 0.00123, 12.34, 999.0, 1234.0, 1e-12, 0.099996, 999.9].map(sci),
            ["0", "0.500", "0.0123", "1.23e-3", "12.3", "999", "1.23e3", "1.00e-12", "0.100", "1.00e3"]
        );
        assert_eq!(
            [(1, 2), (2, 2), (0, 2), (99_999, 100_000), (1, 100_000)].map(|(a, b)| percent(a, b)),
            ["50.0 %", "100 %", "0.00 %", "99.99 %", "0.01 %"]
        );
        assert_eq!([0, 12, 123, 1234, 1_234_567].map(count), ["0", "12", "123", "1,234", "1,234,567"]);
        assert_eq!([0.0123, 1.234, 12.34, 125.0].map(seconds), ["12 ms", "1.23 s", "12.3 s", "2 min 05 s"]);
        assert_eq!(sparkline(&[1.0, 1e-3, 1e-7]), "█▅▁");
        assert_eq!(sparkline(&[2.0, 2.0]), "▁▁");
        assert_eq!(json(&[("a", 1.5.into()), ("b", f64::NAN.into()), ("c", "x\"".into())]), r#"{"a":1.5,"b":null,"c":"x\""}"#);
    }
}
