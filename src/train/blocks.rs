//! stub
use super::TrainError;
use super::method::Problem;
pub(super) struct Blocks;
impl Blocks { pub fn start(p: Problem) -> Result<super::gauss_newton::GaussNewton, TrainError> { super::gauss_newton::GaussNewton::start(p) } }
