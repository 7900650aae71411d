//! stub
use super::TrainError;
use super::method::Problem;
pub(super) struct Adversarial;
impl Adversarial { pub fn start(p: Problem) -> Result<super::gradient::Gradient, TrainError> { super::gradient::Gradient::start(p) } }
