//! `subquad train --model deep`, and `subquad predict` with what it made.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueEnum};
use subquad::low_rank::Flush;
use subquad::relu::deep::Form;
use subquad::train::{
    Coding, Deep, DeepBuilder, DeepModel, DeepPreconditioner, Firing, FirstWeights, FlushPolicy, Matrix, Prediction, Preparation,
    PrepareOptions, Score, Split, Status, Step, TableOptions, TrainError, check_writable, read_base, read_dataset, read_dataset_from,
    read_rows, write_atomically,
};

use crate::Failure;
use crate::args::{PreconditionerArg, Predict, Train, keep_apart};
use crate::report::{Live, count, counted, percent, sci, seconds, sparkline};
use crate::{interrupt, plot};

/// The built-in data: see digits.LICENSE.md next to it.
const DIGITS: &str = include_str!("digits.csv");

/// A sample that fires on fewer neurons than this has too little to say.
const LEAST_FIRED: f64 = 50.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ModelArg {
    TwoLayer,
    Deep,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum WeightsArg {
    Gaussian,
    Hadamard,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum FlushArg {
    Auto,
    Never,
    Sparse,
    Dense,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum FormArg {
    Soft,
    Hard,
}

#[derive(Args)]
#[command(next_help_heading = "Deep networks (--model deep)")]
pub struct DeepArgs {
    /// Network: one hidden layer, or several whose steps cost what fires; then --width is that of every layer
    #[arg(long, value_enum, default_value = "two-layer")]
    pub model: ModelArg,

    /// Hidden layers
    #[arg(long, value_name = "L", default_value_t = 2, value_parser = layers, allow_negative_numbers = true)]
    pub layers: usize,

    /// Share of the neurons that fire, at most 0.5; or else give --shift [default: 0.1]
    #[arg(long, value_name = "P", value_parser = share, allow_negative_numbers = true)]
    pub fired: Option<f64>,

    /// Layers to train, counted from 1, with commas between them [default: all but the first]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = layers)]
    pub train_layers: Vec<usize>,

    /// First weights: normal numbers (bfloat16), or Hadamard transforms with random signs, which take no memory
    #[arg(long, value_enum, default_value = "gaussian")]
    pub weights: WeightsArg,

    /// Pre-trained first weights: tensors layers.1.weight, layers.2.weight, .. of float32
    #[arg(long, value_name = "WEIGHTS.safetensors", conflicts_with_all = ["weights"])]
    pub base: Option<PathBuf>,

    /// What becomes of a step's low-rank update; auto: the cheapest
    #[arg(long, value_enum, default_value = "auto")]
    pub flush: FlushArg,

    /// What a neuron that fires hands on: z - b, or z (the papers' form, with a line search)
    #[arg(long, value_enum, default_value = "soft")]
    pub form: FormArg,

    /// Train one layer per step, in turn, instead of all together
    #[arg(long)]
    pub one_by_one: bool,
}

fn layers(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|l| (1..=64).contains(l)).ok_or_else(|| "must be a whole number from 1 to 64".into())
}

fn share(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|p| *p > 0.0 && *p <= 0.5).ok_or_else(|| "must be above 0 and at most 0.5".into())
}

impl DeepArgs {
    /// Whether the network is a deep one.
    ///
    /// # Errors
    /// When it is not, but something was said of one.
    pub fn is_asked_for(&self) -> Result<bool, Failure> {
        if self.model == ModelArg::Deep {
            return Ok(true);
        }
        let said = [
            (self.layers != 2, "--layers"),
            (self.fired.is_some(), "--fired"),
            (!self.train_layers.is_empty(), "--train-layers"),
            (self.base.is_some(), "--base"),
            (self.one_by_one, "--one-by-one"),
            (!matches!(self.weights, WeightsArg::Gaussian), "--weights"),
            (!matches!(self.flush, FlushArg::Auto), "--flush"),
            (!matches!(self.form, FormArg::Soft), "--form"),
        ];
        match said.iter().find(|(said, _)| *said) {
            Some((_, name)) => Err(Failure::Usage(format!("{name} is for deep networks: add --model deep"))),
            None => Ok(false),
        }
    }
}

/// What --preconditioner says to a run of n samples.
fn preconditioner(args: &Train, n: usize) -> Result<DeepPreconditioner, Failure> {
    let rows = args.sketch_rows.map_or(4, |rows| rows.div_ceil(n).clamp(1, 1024));
    Ok(match args.preconditioner {
        PreconditionerArg::Auto | PreconditionerArg::Exact => DeepPreconditioner::Exact,
        PreconditionerArg::TensorSrht => DeepPreconditioner::TensorSrht { rows },
        PreconditionerArg::TensorSketch => DeepPreconditioner::TensorSketch { rows },
        PreconditionerArg::None => DeepPreconditioner::None,
        _ => return Err(Failure::Usage("--preconditioner: deep networks have exact, tensor-srht, tensor-sketch and none".into())),
    })
}

fn settings(args: &Train) -> Result<DeepBuilder, Failure> {
    let deep = &args.deep;
    let firing = match (deep.fired, args.shift) {
        (Some(_), shift) if shift > 0.0 => {
            return Err(Failure::Usage("--fired and --shift say the same thing: give one of them".into()));
        }
        (Some(p), _) => Firing::Share(p),
        (None, shift) if shift > 0.0 => Firing::Shift(f64::from(shift)),
        _ => Firing::Share(0.1),
    };
    if args.damping.is_some() {
        return Err(Failure::Usage("--damping is a ridge of two-layer networks; deep ones have none".into()));
    }
    let preconditioner = preconditioner(args, 1)?;
    let flush = match deep.flush {
        FlushArg::Auto => FlushPolicy::Auto,
        FlushArg::Never => FlushPolicy::Always(Flush::Never),
        FlushArg::Sparse => FlushPolicy::Always(Flush::Sparse),
        FlushArg::Dense => FlushPolicy::Always(Flush::Dense),
    };
    let builder = Deep::builder()
        .layers(deep.layers)
        .width(args.width)
        .firing(firing)
        .form(if matches!(deep.form, FormArg::Soft) { Form::Soft } else { Form::Hard })
        .weights(if matches!(deep.weights, WeightsArg::Gaussian) { FirstWeights::Gaussian } else { FirstWeights::Hadamard })
        .train_layers(&deep.train_layers)
        .flush(flush)
        .preconditioner(preconditioner)
        .one_by_one(deep.one_by_one)
        .tolerance(args.tolerance)
        .steps(args.steps())
        .seed(args.seed)
        .level(args.level);
    builder.trained()?;
    Ok(builder)
}

pub fn train(args: &Train) -> Result<(), Failure> {
    let deep = &args.deep;
    let outputs = [("--out", args.out.as_deref()), ("--plot", args.plot.as_deref()), ("--checkpoint", args.how.checkpoint.as_deref())];
    let inputs: Vec<_> = [args.data.as_deref(), deep.base.as_deref()].into_iter().flatten().collect();
    keep_apart(&outputs, &inputs)?;
    let mut builder = settings(args)?;
    for path in outputs.into_iter().filter_map(|(_, path)| path) {
        check_writable(path)?;
    }
    interrupt::listen();
    let mut live = Live::new(args.json);

    let options = TableOptions { target: args.target.clone(), task: args.task.into(), header: args.header.into() };
    let data = match &args.data {
        Some(path) => read_dataset(path, &options)?,
        None => read_dataset_from(DIGITS.as_bytes(), "handwritten digits (built in)", &options)?,
    };
    let split: Split = data.split(args.test_fraction, args.seed)?;
    let options = PrepareOptions { columns: args.columns.into(), rows: args.rows.into(), ..PrepareOptions::default() };
    let preparation = Preparation::fit(data.features(), &split.train, options)?;
    let coding = Coding::fit(data.target(), &split.train)?;
    let (x, y) = (preparation.apply(data.features(), &split.train)?, coding.encode(data.target(), &split.train)?);

    builder = builder.preconditioner(preconditioner(args, x.rows())?);
    let mut width = args.width;
    if let Some(path) = &deep.base {
        let (base, found) = read_base(path)?;
        width = found;
        builder = builder.layers(base.len()).width(found).base(base).base_path(path);
    }
    let (layers, trained) = (builder.hidden_layers(), builder.trained()?);
    let shift = builder.shift()?;
    let fired = subquad::relu::deep::fired_share(shift);
    let searched = deep.base.is_some() && args.shift == 0.0;
    memory(&mut live, builder.memory(x.rows(), y.cols())?, width, layers)?;
    live.say(&format!(
        "subquad {}: a deep ReLU network of {}, trained by Gauss-Newton",
        env!("CARGO_PKG_VERSION"),
        counted(layers, "layer", "layers")
    ));
    live.say("");
    live.say(&format!(
        "  data       {}: {} rows, {}",
        data.source(),
        count(data.rows()),
        counted(data.features().cols(), "feature", "features")
    ));
    live.say(&format!("  split      {} to train, {} to test (seed {})", count(split.train.len()), count(split.test.len()), args.seed));
    let named: Vec<String> = trained.iter().map(usize::to_string).collect();
    live.say(&format!(
        "  network    {} -> {} -> {}, {}: about {:.1} % fire; trained: {}",
        x.cols(),
        vec![count(width); layers].join(" -> "),
        y.cols(),
        if searched { "a shift for these weights".into() } else { format!("shift {shift:.3}") },
        100.0 * fired,
        named.join(", ")
    ));
    live.say(&format!("  machine    {}", args.level));
    live.say("");
    if fired * (width as f64) < LEAST_FIRED {
        live.warn(&format!(
            "warning: a sample fires on about {:.0} of {} neurons, and training wants {LEAST_FIRED:.0}: take a larger --width or --fired",
            fired * width as f64,
            count(width)
        ));
    }
    if layers > 2 && fired <= 0.1 + 1e-9 {
        live.warn("warning: more than two layers with 10 % or less that fire learn the samples by heart: test them, or take --layers 2");
    }

    let start = Instant::now();
    let mut run = builder.build(x.as_ref(), y.as_ref())?;
    if searched {
        live.say(&format!("  the shift is {:.3}: {:.1} % fire", run.shift(), 100.0 * run.fired()));
    }
    let first = run.train_mse();
    if let Some(path) = args.how.checkpoint.as_deref().filter(|path| args.how.resume && path.metadata().is_ok_and(|m| m.len() > 0)) {
        run.load_checkpoint(path)?;
        taken_up(&mut live, run.history().len(), path);
    }
    live.head(first, false);
    let mut since = 0;
    let columns = data.columns().clone();
    let keep = |run: &Deep| args.out.as_ref().map_or(Ok(()), |out| run.save(out, &columns, &preparation, &coding));
    let failed = loop {
        match run.step_with(&mut |progress| live.progress(progress)) {
            Ok(Some(step)) => {
                live.step(&step);
                since += 1;
            }
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
        let asked = interrupt::asked();
        if let Some(path) = args.how.checkpoint.as_deref().filter(|_| asked || since >= args.how.checkpoint_every) {
            run.save_checkpoint(path)?;
            since = 0;
        }
        if asked {
            live.end_of_steps();
            let fault = keep(&run).err();
            fault.iter().for_each(|fault| live.warn(&format!("error: {fault}")));
            return Err(broken_off(args, run.history().len(), fault.is_none()));
        }
    };
    live.end_of_steps();
    if let Some(error) = failed {
        // What the steps before it have learnt.
        if !run.history().is_empty() {
            keep(&run)?;
        }
        return Err(error.into());
    }
    // The end, too, is something to take up: with more steps, or another tolerance.
    if let Some(path) = &args.how.checkpoint {
        run.save_checkpoint(path)?;
    }
    let mut faults: Vec<String> = keep(&run).err().map(|error| error.to_string()).into_iter().collect();
    let steps: Vec<Step> = run.history().to_vec();
    let (spent, status) = (start.elapsed().as_secs_f64(), run.status());
    let train_mse = run.train_mse();
    let model = DeepModel::new(columns, preparation, coding.clone(), run)?;
    let on = |rows: &[usize]| -> Result<Score, TrainError> {
        model.score(args.level, data.features(), rows, &coding.truth(data.target(), rows)?)
    };
    let train = Score { mse: train_mse, ..on(&split.train)? };
    let test = if split.test.is_empty() { None } else { Some(on(&split.test)?) };
    live.event(&[
        ("event", "done".into()),
        ("steps", steps.len().into()),
        ("train_mse", train.mse.into()),
        ("train_accuracy", train.accuracy().into()),
        ("test_mse", test.map(|score| score.mse).into()),
        ("test_accuracy", test.and_then(|score| score.accuracy()).into()),
        ("seconds", spent.into()),
        ("level", args.level.name().into()),
        ("samples", data.rows().into()),
        ("outputs", coding.outputs().into()),
        ("layers", layers.into()),
        ("width", width.into()),
        ("rank", model.rank().into()),
        ("train_samples", split.train.len().into()),
        ("test_samples", split.test.len().into()),
        ("status", said(status).into()),
    ]);
    if let Some(path) = &args.plot {
        let title = format!("{}, {layers} layers of {}", data.source(), count(width));
        let drawn =
            plot::draw(&title, first, &steps, args.tolerance).map_err(|problem| format!("cannot draw {}: {problem}", path.display()));
        faults.extend(drawn.and_then(|svg| write_atomically(path, svg.as_bytes()).map_err(|error| error.to_string())).err());
    }
    let mut mses = vec![first];
    mses.extend(steps.iter().map(|step| step.train_mse));
    live.say("");
    live.say(&format!(
        "{}: training MSE {} (goal {}) after {} and {}.",
        said(status),
        sci(train.mse),
        sci(args.tolerance),
        counted(steps.len(), "step", "steps"),
        seconds(spent)
    ));
    live.say(&format!("  {}   log MSE, start to end", sparkline(&mses)));
    live.say("");
    for (name, score) in [("training", Some(train)), ("test", test)] {
        let Some(score) = score else { continue };
        let right =
            score.correct.map(|right| format!("   {:>9}   ({} of {})", percent(right, score.rows), count(right), count(score.rows)));
        live.say(&format!("  {name:<10} {:>9}{}", sci(score.mse), right.unwrap_or_default()));
    }
    if let (Some(out), true) = (&args.out, faults.is_empty()) {
        live.say("");
        live.say(&format!("Model saved in {0}. Use it: subquad predict {0} DATA.csv", out.display()));
    }
    if faults.is_empty() { Ok(()) } else { Err(Failure::Fault(faults.join("\nerror: "))) }
}

/// What taking up a run says, in words and as an event.
fn taken_up(live: &mut Live, steps: usize, path: &Path) {
    live.say(&format!("Taken up after {} from {}.", counted(steps, "step", "steps"), path.display()));
    live.say("");
    live.event(&[("event", "resumed".into()), ("step", steps.into())]);
}

/// Why the program ends before the run, and what is kept of it.
fn broken_off(args: &Train, steps: usize, saved: bool) -> Failure {
    let checkpoint =
        args.how.checkpoint.as_ref().map(|path| format!("the run is in {0}: go on with --checkpoint {0} --resume", path.display()));
    let model = args.out.as_ref().filter(|_| saved).map(|out| format!("the model is in {}", out.display()));
    let kept: Vec<String> = checkpoint.into_iter().chain(model).collect();
    let kept = if kept.is_empty() { "nothing of it is kept, for want of --checkpoint or --out".into() } else { kept.join("; ") };
    Failure::Interrupted(format!("interrupted after {}; {kept}", counted(steps, "step", "steps")))
}

fn said(status: Status) -> &'static str {
    match status {
        Status::Converged => "converged",
        Status::StepLimit => "step limit",
        Status::Settled => "settled",
        Status::Stalled => "stalled",
        _ => "running",
    }
}

/// Refuses what this machine's memory cannot hold, where it says how much it has.
fn memory(live: &mut Live, needed: f64, width: usize, layers: usize) -> Result<(), Failure> {
    live.say(&format!("  memory     about {:.2} GB", needed / 1e9));
    let Ok(about) = std::fs::read_to_string("/proc/meminfo") else { return Ok(()) };
    let available = about.lines().find_map(|line| line.strip_prefix("MemAvailable:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    match available.map(|kilobytes| 1024.0 * kilobytes) {
        Some(bytes) if needed > bytes => Err(Failure::Fault(format!(
            "{} of width {} need about {:.1} GB of memory, {:.1} GB are free: choose a smaller --width, or --weights hadamard",
            counted(layers, "layer", "layers"),
            count(width),
            needed / 1e9,
            bytes / 1e9
        ))),
        _ => Ok(()),
    }
}

/// Predictions of a deep model.
pub fn predict(args: &Predict) -> Result<(), Failure> {
    let model = DeepModel::load(&args.model)?;
    let rows = read_rows(&args.data, args.header.into(), model.columns(), model.coding())?;
    let all: Vec<usize> = (0..rows.features.rows()).collect();
    let outputs: Matrix = model.outputs(args.level, &rows.features, &all)?;
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    for i in 0..outputs.rows() {
        let written = match model.coding().decode(outputs.row(i)) {
            Prediction::Class { label, .. } => writer.write_record([label]),
            Prediction::Values(values) => writer.write_record(values.iter().map(|x| (*x as f32).to_string())),
            other => writer.write_record([other.to_string()]),
        };
        written.map_err(|error| Failure::Fault(error.to_string()))?;
    }
    let text = writer.into_inner().map_err(|error| Failure::Fault(error.to_string()))?;
    match &args.out {
        Some(out) => write_atomically(out, &text)?,
        None => match std::io::stdout().lock().write_all(&text) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                return Err(Failure::Fault(format!("cannot write to standard output: {error}")));
            }
            _ => {}
        },
    }
    if let Some(truth) = &rows.truth {
        let score = model.coding().score(&outputs, truth)?;
        let note = match score.correct.filter(|_| score.rows > 0) {
            Some(right) => format!("accuracy {} ({} of {} rows)", percent(right, score.rows), count(right), count(score.rows)),
            None => format!("MSE {} on z-scored targets ({} rows)", sci(score.mse), count(score.rows)),
        };
        // The predictions are out; a closed standard error spoils nothing.
        let _ = writeln!(std::io::stderr(), "{note}");
    }
    Ok(())
}
