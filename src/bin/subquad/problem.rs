//! What `subquad train` knows before the first step.

use subquad::train::{
    Builder, Chosen, Coding, Dataset, Matrix, Preparation, PrepareOptions, RowScaling, Split, TableOptions, Target, TrainError, TwoLayer,
    read_dataset, read_dataset_from,
};

use crate::Failure;
use crate::args::Train;
use crate::how::{ClassWeightsArg, MethodArg};
use crate::report::{Live, count, counted};

/// The built-in data: see digits.LICENSE.md next to it.
const DIGITS: &str = include_str!("digits.csv");
const DIGITS_NAME: &str = "handwritten digits (built in)";

/// The data, shared out and prepared.
pub struct Problem {
    pub data: Dataset,
    /// Without the validation rows.
    pub split: Split,
    pub validation: Vec<usize>,
    pub preparation: Preparation,
    pub coding: Coding,
    pub x: Matrix,
    pub y: Matrix,
    /// A weight for every training row; none: all alike.
    pub weights: Vec<f32>,
    /// Samples of a step, where not all of them fit the memory.
    pub block: usize,
}

/// The table.
pub fn read(args: &Train) -> Result<Dataset, Failure> {
    let options = TableOptions { target: args.target.clone(), task: args.task.into(), header: args.header.into() };
    Ok(match &args.data {
        Some(path) => read_dataset(path, &options)?,
        None => read_dataset_from(DIGITS.as_bytes(), DIGITS_NAME, &options)?,
    })
}

impl Problem {
    pub fn new(args: &Train, data: Dataset, split: Split) -> Result<Self, Failure> {
        let held = data.hold_out(&split.train, args.how.validation, args.seed)?;
        let (split, validation) = (Split { train: held.train, test: split.test }, held.test);
        let options = PrepareOptions { columns: args.columns.into(), rows: args.rows.into(), ..PrepareOptions::default() };
        let preparation = Preparation::fit(data.features(), &split.train, options)?;
        let coding = Coding::fit(data.target(), &split.train)?;
        let x = preparation.apply(data.features(), &split.train)?;
        let y = coding.encode(data.target(), &split.train)?;
        let weights = match args.how.class_weights {
            ClassWeightsArg::None => Vec::new(),
            ClassWeightsArg::Balanced => balanced(data.target(), &split.train)?,
        };
        let mut problem = Self { data, split, validation, preparation, coding, x, y, weights, block: 0 };
        problem.block = block(args, &problem)?;
        Ok(problem)
    }

    /// The run, ready for its first step.
    pub fn run(&self, args: &Train) -> Result<TwoLayer, TrainError> {
        let mut run = self.builder(args).build(self.x.as_ref(), self.y.as_ref())?;
        if !self.validation.is_empty() {
            let x = self.preparation.apply(self.data.features(), &self.validation)?;
            let y = self.coding.encode(self.data.target(), &self.validation)?;
            run.validate(x.as_ref(), y.as_ref(), args.how.patience.unwrap_or(if args.how.is_gradient() { 50 } else { 5 }))?;
        }
        Ok(run)
    }

    /// How the systems of the steps are preconditioned, if there are any.
    pub fn preconditioner(&self, args: &Train) -> Option<Chosen> {
        let samples = if self.block > 0 { self.block } else { self.x.rows() };
        let chosen = || self.builder(args).chosen_preconditioner(samples, self.x.cols(), self.y.cols());
        if args.how.is_gradient() { None } else { Some(chosen()) }
    }

    fn builder(&self, args: &Train) -> Builder {
        let how = &args.how;
        let mut builder = TwoLayer::builder()
            .width(args.width)
            .shift(args.shift)
            .preconditioner(args.preconditioner.into())
            .tolerance(args.tolerance)
            .steps(args.steps())
            .seed(args.seed)
            .level(args.level)
            .method(how.method.into())
            .init(how.init.into())
            .lookup(how.lookup.into(), how.lookup_over.into())
            .attack(how.attack())
            .attacked_step(how.attacked_step.into())
            .train_outputs(how.train_outputs)
            .number_of_threads(how.threads.unwrap_or(0))
            .block(self.block)
            .row_weights(&self.weights);
        if let Some(damping) = args.damping {
            builder = builder.damping(damping);
        }
        if let Some(rows) = args.sketch_rows {
            builder = builder.sketch_rows(rows);
        }
        if let Some(step) = args.faithful {
            builder = builder.faithful(step.into());
        }
        if let Some(rate) = how.learning_rate {
            builder = builder.learning_rate(rate);
        }
        builder
    }
}

/// Weights with which all classes have the same sum.
fn balanced(target: &Target, train: &[usize]) -> Result<Vec<f32>, Failure> {
    let Target::Classes { labels, of_row, .. } = target else {
        return Err(Failure::Usage("--class-weights balanced: the target is a number, there are no classes".into()));
    };
    let mut counts = vec![0usize; labels.len()];
    train.iter().for_each(|&row| counts[of_row[row] as usize] += 1);
    Ok(train.iter().map(|&row| 1.0 / counts[of_row[row] as usize] as f32).collect())
}

/// What this machine has left, where it says so.
fn free_memory() -> Option<f64> {
    let about = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = about.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(1024.0 * line.trim().strip_suffix(" kB")?.parse::<f64>().ok()?)
}

/// Samples of a block at most: beyond, its factor takes more time than all products.
const MOST_BLOCK: f64 = 4096.0;

/// How many samples a step may take, so that everything fits the memory: 0 for all. Refuses what cannot fit: nothing is
/// gained by being killed.
fn block(args: &Train, problem: &Problem) -> Result<usize, Failure> {
    let Some(limit) = args.how.memory.map(|bytes| bytes as f64).or_else(free_memory) else { return Ok(0) };
    let (n, d, c, m) = (problem.x.rows() as f64, problem.x.cols() as f64, problem.y.cols() as f64, args.width as f64);
    // The table and its prepared copies; weights, their proposal, their start or a step.
    let table = 4.0 * (n * (problem.data.rows() as f64 / n * (d - 1.0) + 3.0 * d + 8.0 * c) + 4.0 * m * d + m * c);
    // The factor and its Gram matrix; two patterns.
    let squares = |k: f64| 8.0 * k * k + k * m / 4.0;
    let system = matches!(args.how.method, MethodArg::GaussNewton | MethodArg::Adversarial);
    let needed = table + if system { squares(n) } else { n * m / 4.0 };
    if needed <= limit {
        return Ok(0);
    }
    if system && args.how.method == MethodArg::GaussNewton {
        let left = limit - table;
        let most = (-m / 4.0 + (m * m / 16.0 + 32.0 * left.max(0.0)).sqrt()) / 16.0;
        // Equal blocks; fewer than this are not worth a step each.
        if most >= 64.0 {
            let blocks = (n / most.min(MOST_BLOCK)).ceil();
            return Ok((n / blocks).ceil() as usize);
        }
    }
    Err(Failure::Fault(format!(
        "{} rows at width {} need about {:.1} GB of memory, {:.1} GB are {}: choose a smaller --width",
        count(problem.x.rows()),
        count(args.width),
        needed / 1e9,
        limit / 1e9,
        if args.how.memory.is_some() { "allowed" } else { "free" }
    )))
}

pub fn introduce(live: &mut Live, args: &Train, problem: &Problem) {
    let Problem { data, split, preparation, coding, x, y, .. } = problem;
    let target = data.target().name();
    let what = match coding {
        Coding::Classes { labels } => format!("{} ('{target}')", counted(labels.len(), "class", "classes")),
        Coding::Values { names, .. } if names.len() > 1 => format!("{} numbers ('{target}')", names.len()),
        _ => format!("a number ('{target}')"),
    };
    let ignored: Vec<String> = preparation.ignored().filter_map(|j| data.columns().features.get(j).cloned()).collect();
    let columns = if preparation.is_zscore() { "columns z-scored" } else { "columns centred" };
    let rows = if preparation.rows() == RowScaling::Unit { "each row scaled to norm 1" } else { "all rows scaled by one factor" };
    let ignored = match ignored.len() {
        0 => String::new(),
        1..=4 => format!("; constant, so ignored: {}", ignored.join(", ")),
        more => format!("; {more} constant columns ignored"),
    };
    let header = if data.columns().named { "" } else { ", no header" };
    let method = match args.how.method {
        MethodArg::GaussNewton => "Gauss-Newton",
        MethodArg::Gradient => "gradient descent",
        MethodArg::Adam => "Adam",
        MethodArg::Adversarial => "steps against an adversary",
    };
    live.say(&format!("subquad {}: a wide two-layer ReLU network, trained by {method}", env!("CARGO_PKG_VERSION")));
    live.say("");
    let features = counted(data.features().cols(), "feature", "features");
    live.say(&format!("  data       {}: {} rows, {features}{header}", data.source(), count(data.rows())));
    live.say(&format!("  target     {what}"));
    let validate = match problem.validation.len() {
        0 => String::new(),
        some => format!("{} to validate, ", count(some)),
    };
    let (train, test) = (count(split.train.len()), count(split.test.len()));
    live.say(&format!("  split      {train} to train, {validate}{test} to test (seed {})", args.seed));
    live.say(&format!("  prepared   {columns}, {rows}{ignored}"));
    let weights = count(args.width.saturating_mul(x.cols()));
    live.say(&format!("  network    {} -> {} -> {}, {weights} weights to train", x.cols(), count(args.width), y.cols()));
    if problem.block > 0 {
        let blocks = split.train.len().div_ceil(problem.block);
        live.say(&format!("  memory     too little for all samples together: {blocks} blocks of {} take turns", count(problem.block)));
    }
    live.say(&format!("  machine    {}", args.level));
    if let Some(chosen) = problem.preconditioner(args) {
        live.say(&format!("  systems    preconditioner {}: {}", chosen.name(), chosen.reason));
    }
    live.say("");
}
