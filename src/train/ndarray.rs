//! Views of ndarray as matrices.

use ::ndarray::ArrayView2;

use crate::{Error, Figure, MatRef};

/// Without copying, for arrays whose entries lie next to each other, row by row or column by column.
///
/// ```
/// use subquad::MatRef;
/// use subquad::train::TwoLayer;
///
/// let x = ndarray::array![[0.6f32, 0.8], [-0.8, 0.6], [-0.6, -0.8], [0.8, -0.6]];
/// let y = ndarray::array![[1.0f32], [-1.0], [1.0], [-1.0]];
/// let mut run = TwoLayer::builder().width(64).build(x.view().try_into()?, y.view().try_into()?)?;
/// assert!(run.step()?.is_some());
/// assert_eq!(MatRef::try_from(x.t())?.get(1, 0), Some(0.8));
/// assert!(MatRef::try_from(x.slice(ndarray::s![..;2, ..;2])).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl<'a, T> TryFrom<ArrayView2<'a, T>> for MatRef<'a, T> {
    type Error = Error;

    fn try_from(view: ArrayView2<'a, T>) -> Result<Self, Error> {
        let (rows, cols) = view.dim();
        if let Some(data) = view.to_slice() {
            return MatRef::new(data, rows, cols);
        }
        match view.reversed_axes().to_slice() {
            Some(data) => Ok(MatRef::new(data, cols, rows)?.t()),
            None => {
                let &[down, right] = view.strides() else { return Err(Error::length("ndarray view: strides", 2, view.strides().len())) };
                let expected = "that of a whole array by rows or by columns (see as_standard_layout), such as";
                // Strides may be negative, so they are no counts.
                let (what, limit, found) = if right == 1 {
                    ("ndarray view: stride of the rows", cols, down)
                } else {
                    ("ndarray view: stride of the columns", 1, right)
                };
                Err(Error::limited(what, expected, Figure::Count(limit), Figure::number(found as f64)))
            }
        }
    }
}
