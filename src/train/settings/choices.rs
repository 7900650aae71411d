//! What there is to choose from: methods, preconditioners, lookups, attacks.

/// Which preconditioner the conjugate gradients use. All but `None` approximate the Gram matrix of one output, and serve
/// every output alike.
///
/// ```
/// use subquad::train::{PreconditionerChoice, TwoLayer};
///
/// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
/// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
/// let mut run = TwoLayer::builder().width(64).preconditioner(PreconditionerChoice::Analytic).build(x, y)?;
/// assert!(run.step()?.unwrap().residual_ratio < 1.0);
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PreconditionerChoice {
    /// The cheapest by a cost model of the sizes and the level; [`Builder::chosen_preconditioner`](super::Builder::chosen_preconditioner) says which, and why.
    #[default]
    Auto,
    /// The Cholesky factor of one output's Gram matrix, counted from the firing pattern.
    Exact,
    /// The same in the limit of infinite width: independent of the neurons.
    Analytic,
    /// The diagonal of the exact one: hardly better than none where rows have one norm, and as cheap.
    Jacobi,
    /// The exact one of a quarter of the neurons: condition numbers of 2.4 to 5 for a quarter of the counting.
    Neurons,
    /// The QR factor of an SRHT of the Jacobian, as the paper has it.
    Srht,
    /// That of a TensorSRHT, which is far cheaper to make.
    TensorSrht,
    /// That of a TensorSketch, for sparse inputs and few neurons firing.
    TensorSketch,
    /// None: about twenty times as many iterations.
    None,
}

/// How a network is trained.
///
/// ```
/// use subquad::train::{Method, TwoLayer};
///
/// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
/// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
/// for method in [Method::GaussNewton, Method::Gradient, Method::Adam] {
///     let mut run = TwoLayer::builder().width(64).method(method).steps(10).build(x, y)?;
///     while run.step()?.is_some() {}
///     assert!(run.train_mse() < run.first_mse(), "{method:?}");
/// }
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// Gauss-Newton: few steps, each of which solves a linear system.
    #[default]
    GaussNewton,
    /// Gradient descent over all samples, on the neurons that fire: see [`Lookup`].
    Gradient,
    /// Adam over all samples.
    Adam,
    /// Steps on samples that an adversary has moved: see [`Attack`].
    Adversarial,
}

/// How [`Method::Gradient`] finds the neurons that fire. All answer alike: the run is the same, bit by bit.
///
/// ```
/// use subquad::train::{Lookup, Method, Over, TwoLayer};
///
/// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
/// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
/// let mse = |lookup| {
///     let mut run = TwoLayer::builder().width(64).shift(0.5).method(Method::Gradient).lookup(lookup, Over::Weights).steps(3).build(x, y)?;
///     while run.step()?.is_some() {}
///     Ok::<_, subquad::train::TrainError>(run.train_mse())
/// };
/// assert_eq!(mse(Lookup::Dense)?, mse(Lookup::Candidates)?); // bit by bit
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lookup {
    /// [`Lookup::Candidates`] where few neurons fire, else [`Lookup::Dense`].
    #[default]
    Auto,
    /// Nothing is looked up: all of the network's products, fused and dense.
    Dense,
    /// Every neuron on every sample, and only the values that exceed the shift are kept.
    Scan,
    /// Products of bytes decide almost everything ([`Screened`](crate::halfspace::Screened)).
    Screened,
    /// All values, kept, under trees of maxima ([`MaxTree`](crate::halfspace::MaxTree)).
    MaxTree,
    /// Whole groups at once, in few dimensions ([`BallTree`](crate::halfspace::BallTree)).
    BallTree,
    /// Lists of what can have come to fire since they were made
    /// ([`Candidates`](crate::halfspace::Candidates) over the weights; over the data, lists of the same kind per neuron).
    Candidates,
}

impl std::fmt::Display for Lookup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Dense => "dense",
            Self::Scan => "scan",
            Self::Screened => "screened",
            Self::MaxTree => "max-tree",
            Self::BallTree => "ball-tree",
            Self::Candidates => "candidates",
        })
    }
}

/// What a lookup keeps its structure over.
///
/// ```
/// use subquad::train::{Lookup, Method, Over, TwoLayer};
///
/// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
/// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
/// for over in [Over::Weights, Over::Data] {
///     let run = TwoLayer::builder().width(64).method(Method::Gradient).lookup(Lookup::Scan, over).build(x, y)?;
///     assert!((run.first_mse() - 1.0).abs() < 1e-9);
/// }
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Over {
    /// The weights: asked by sample, and updated for the neurons that moved.
    Weights,
    /// The data: asked by neuron, and never updated.
    #[default]
    Data,
}

/// The set that an adversary may move a sample in.
///
/// ```
/// use subquad::train::{Attack, Ball};
///
/// let pixels = Attack { ball: Ball::LInfinity, radius: 0.1, ..Attack::default() };
/// assert_eq!((pixels.ball, Attack::default().ball), (Ball::LInfinity, Ball::L2));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ball {
    /// The Euclidean ball.
    #[default]
    L2,
    /// The cube: every number may move by the radius.
    LInfinity,
}

/// Projected gradient ascent on the loss, which moves a sample inside a ball around it. The constant feature at the end
/// of a prepared row stays where it is.
///
/// ```
/// use subquad::train::{Attack, Method, TwoLayer};
///
/// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
/// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
/// let attack = Attack { radius: 0.1, steps: 3, ..Attack::default() };
/// let mut run = TwoLayer::builder().width(64).method(Method::Adversarial).attack(attack).steps(2).build(x, y)?;
/// let step = run.step()?.unwrap();
/// assert!(step.robust_mse.unwrap() >= 0.0);
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attack {
    /// The ball.
    pub ball: Ball,
    /// Its radius, in units of the prepared inputs, whose rows have norm about 1.
    pub radius: f32,
    /// Steps of the ascent.
    pub steps: usize,
    /// Their length; 0: 2.5 radius / steps.
    pub step: f32,
}

impl Default for Attack {
    fn default() -> Self {
        Self { ball: Ball::L2, radius: 0.3, steps: 10, step: 0.0 }
    }
}

/// The step that [`Method::Adversarial`] takes on the samples as the adversary has moved them.
///
/// ```
/// use subquad::train::{AttackedStep, Method, TwoLayer};
///
/// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
/// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
/// let settings = TwoLayer::builder().width(64).method(Method::Adversarial).attacked_step(AttackedStep::GaussNewton);
/// assert!(settings.build(x, y)?.step()?.is_some());
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AttackedStep {
    /// A Gauss-Newton step, damped by at least the mean diagonal entry of the Gram matrix: one that fits what the attack
    /// found forgets what it will find next.
    GaussNewton,
    /// A gradient step: many short ones hold better.
    #[default]
    Gradient,
}
