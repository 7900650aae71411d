//! What is counted before sparse sums are made, and what is made of the counts.

use subquad::low_rank::{Flush, Situation, cheapest};
use subquad::sparse::{Columns, Support};

/// By hand: a pass over what stays apart costs `k (n / 40 + n p (1 / 5 + C / 20))`, to fold it `k^2` or `m^2 / 160`, with k = p m.
#[test]
fn the_cheapest_of_three_ways_to_keep_an_update() {
    let situation = |fired, passes| cheapest(Situation { samples: 80, outputs: 4, width: 1000, fired, passes });
    // k = 50: 180 a pass against 2500 and 6250.
    assert_eq!(situation(0.05, 13), Flush::Never);
    assert_eq!(situation(0.05, 14), Flush::Sparse);
    // k = 500: 9000 a pass against 250000 and 6250.
    assert_eq!(situation(0.5, 0), Flush::Never);
    assert_eq!(situation(0.5, 1), Flush::Dense);
    // k^2 = 6241 and 6273 against 6250.
    assert_eq!(situation(0.079, 1000), Flush::Sparse);
    assert_eq!(situation(0.0792, 1000), Flush::Dense);
}

#[test]
fn places_are_counted() {
    let support = |starts: &[usize], indices: &[u32]| Support::new(starts, indices, 9).map(|s| (s.rows(), s.cols(), s.len(), s.is_empty()));
    assert_eq!(support(&[0, 0, 0], &[]), Ok((2, 9, 0, true)));
    assert_eq!(support(&[0, 1, 3], &[8, 0, 8]), Ok((2, 9, 3, false)));
    let columns = |starts: &[usize], rows: &[u32], places: &[u32]| {
        Columns::new(starts, rows, places).map(|c| (c.len(), c.is_empty(), c.longest(), c.pairs()))
    };
    assert_eq!(columns(&[0, 0], &[], &[]), Ok((0, true, 0, 0)));
    // Columns of three, none and two rows.
    assert_eq!(columns(&[0, 3, 3, 5], &[0, 1, 4, 2, 3], &[0, 0, 0, 0, 0]), Ok((5, false, 3, 9 + 4)));
}
