//! A dense matrix in panels of 64 columns, and the products of sparse rows with it.
//!
//! The limit is the second-level cache: a row of a panel is four lines next to each other, and a panel of a few
//! thousand rows stays there while all sparse rows pass. Columns of a large matrix in one piece lie a power of two
//! apart, and share a handful of the cache's sets.

use core::ops::Range;

use super::{Columns, SparseRef};
use crate::error::{Error, expect_length};
use crate::float::Real;
use crate::matrix::{MatMut, MatRef};
use crate::scratch::{area, take};
use crate::simd::{Abreast, Float, LINE, Level, Reads, Simd, Stored, fetch_ahead};

/// Columns of a panel.
///
/// ```
/// use subquad::sparse::{PANEL, panels_len};
///
/// // One column takes a whole panel.
/// assert_eq!(panels_len(10, 1), 10 * PANEL);
/// ```
pub const PANEL: usize = LINE;

/// Rows of a panel that all sparse rows pass before the next ones: 256 KiB of f32, an eighth of a second-level cache that may be shared.
/// Fetched from further away again and again, they would cost ten times as much.
pub(crate) const BLOCK: usize = 1024;

/// Columns of a panel block that are turned at once.
const TURN: usize = 16;

/// Numbers of a packed matrix.
///
/// ```
/// assert_eq!(subquad::sparse::panels_len(10, 65), 10 * 128);
/// ```
pub const fn panels_len(rows: usize, cols: usize) -> usize {
    area(area(cols.div_ceil(PANEL), PANEL), rows)
}

/// A dense matrix to read: in panels of [`PANEL`] columns, each row by row, or simply row by row.
///
/// A weight matrix whose *columns* are gathered lies here transposed: row j is what input j feeds. Its numbers are stored as they are, or as
/// bfloat16, two in a word ([`Bf16x2`](crate::simd::Bf16x2)): half the memory, and half the time where that is the limit.
///
/// ```
/// use subquad::{MatRef, sparse::{Panels, pack, panels_len}};
///
/// let (a, mut data) = ([1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], [0.0f32; panels_len(2, 3)]);
/// pack(MatRef::new(&a, 2, 3)?, &mut data)?;
/// let (packed, in_place) = (Panels::packed(&data, 2, 3)?, Panels::row_major(&a, 2, 3)?);
/// assert_eq!((packed.get(1, 0), in_place.get(1, 0)), (Some(4.0), Some(4.0)));
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Panels<'a, E> {
    data: &'a [E],
    rows: usize,
    cols: usize,
    row_step: usize,
    panel_step: usize,
}

impl<'a, E: Stored> Panels<'a, E> {
    /// Panels one after the other, the last one as wide as the others: [`panels_len`] numbers (half as many words of bfloat16). What stands
    /// behind the last column is never used.
    ///
    /// # Errors
    /// [`Error::Length`] for another number.
    ///
    /// ```
    /// # use subquad::sparse::{Panels, panels_len};
    /// assert!(Panels::packed(&[0.0f32; panels_len(2, 3)], 2, 3).is_ok());
    /// assert!(Panels::packed(&[0.0f32; 6], 2, 3).is_err());
    /// ```
    pub fn packed(data: &'a [E], rows: usize, cols: usize) -> Result<Self, Error> {
        expect_length("panels", panels_len(rows, cols) / E::COLUMNS, data.len())?;
        Ok(Self { data, rows, cols, row_step: Self::LINE, panel_step: area(Self::LINE, rows) })
    }

    /// Elements of a line of a panel.
    const LINE: usize = PANEL / E::COLUMNS;

    /// Number of rows.
    ///
    /// ```
    /// # use subquad::sparse::Panels;
    /// assert_eq!(Panels::row_major(&[0.0; 6], 2, 3)?.rows(), 2);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    ///
    /// ```
    /// # use subquad::sparse::Panels;
    /// assert_eq!(Panels::row_major(&[0.0; 6], 2, 3)?.cols(), 3);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn cols(&self) -> usize {
        self.cols
    }

    /// Number of panels.
    pub(crate) const fn count(&self) -> usize {
        self.cols.div_ceil(PANEL)
    }

    /// Columns of panel p.
    #[inline(always)]
    pub(crate) fn width(&self, p: usize) -> usize {
        PANEL.min(self.cols.saturating_sub(p * PANEL))
    }

    /// Whether rows of panel p can be read over their whole width.
    #[inline(always)]
    fn is_whole(&self, p: usize) -> bool {
        self.row_step == Self::LINE || self.width(p) == PANEL
    }

    /// Everything from row j of panel p on, and the elements from one row to the next.
    #[inline(always)]
    pub(crate) fn panel_from(&self, p: usize, j: usize) -> (&'a [E], usize) {
        (self.data.get(p * self.panel_step + j * self.row_step..).unwrap_or_default(), self.row_step)
    }

    /// The elements from one panel to the next.
    #[inline(always)]
    pub(crate) const fn panel_step(&self) -> usize {
        self.panel_step
    }

    /// Rows of panel p that will be wanted soon, in an order that the processor cannot foresee.
    #[inline(always)]
    pub(crate) fn fetch_ahead(&self, p: usize, rows: Range<usize>) {
        if p < self.count() {
            rows.for_each(|j| fetch_ahead(self.piece(p, j)));
        }
    }

    /// Row j of panel p: elements of what is stored.
    #[inline(always)]
    pub(crate) fn piece(&self, p: usize, j: usize) -> &'a [E] {
        let from = p * self.panel_step + j * self.row_step;
        let width = if E::COLUMNS == 1 { self.width(p) } else { Self::LINE };
        self.data.get(from..).and_then(|rest| rest.get(..width)).unwrap_or_default()
    }

    /// Entry (j, r), if there is one.
    ///
    /// ```
    /// # use subquad::sparse::Panels;
    /// let b = Panels::row_major(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 3)?;
    /// assert_eq!((b.get(1, 0), b.get(2, 0)), (Some(4.0), None));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline(always)]
    pub fn get(&self, j: usize, r: usize) -> Option<E::Number> {
        if j >= self.rows || r >= self.cols {
            return None;
        }
        E::pick(self.data, E::key(r / PANEL * self.panel_step + j * self.row_step, r % PANEL))
    }
}

impl<'a, T: Float> Panels<'a, T> {
    /// A matrix that lies row by row, as it may in a file: the products read it where it is, with more cache misses.
    ///
    /// # Errors
    /// [`Error::Length`] unless there are `rows x cols` numbers.
    ///
    /// ```
    /// # use subquad::sparse::Panels;
    /// assert_eq!(Panels::row_major(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 3)?.get(1, 2), Some(6.0));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn row_major(data: &'a [T], rows: usize, cols: usize) -> Result<Self, Error> {
        MatRef::new(data, rows, cols)?;
        Ok(Self { data, rows, cols, row_step: cols, panel_step: PANEL })
    }
}

/// A packed matrix to write to.
///
/// ```
/// use subquad::sparse::{PanelsMut, panels_len};
///
/// // What `Update::fold_sparse` writes to: W^T of a layer of 100 inputs and 70 neurons.
/// let mut data = [0.0f32; panels_len(100, 70)];
/// let w = PanelsMut::packed(&mut data, 100, 70)?;
/// assert_eq!((w.rows(), w.cols()), (100, 70));
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Debug)]
pub struct PanelsMut<'a, T> {
    data: &'a mut [T],
    rows: usize,
    cols: usize,
}

impl<'a, T> PanelsMut<'a, T> {
    /// As [`Panels::packed`].
    ///
    /// # Errors
    /// [`Error::Length`] for another number.
    ///
    /// ```
    /// # use subquad::sparse::{PanelsMut, panels_len};
    /// assert!(PanelsMut::packed(&mut [0.0f32; panels_len(2, 3)], 2, 3).is_ok());
    /// assert!(PanelsMut::packed(&mut [0.0f32; 6], 2, 3).is_err());
    /// ```
    pub fn packed(data: &'a mut [T], rows: usize, cols: usize) -> Result<Self, Error> {
        expect_length("panels", panels_len(rows, cols), data.len())?;
        Ok(Self { data, rows, cols })
    }

    /// Number of rows.
    ///
    /// ```
    /// # use subquad::sparse::{PanelsMut, panels_len};
    /// assert_eq!(PanelsMut::packed(&mut [0.0f32; panels_len(2, 3)], 2, 3)?.rows(), 2);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    ///
    /// ```
    /// # use subquad::sparse::{PanelsMut, panels_len};
    /// assert_eq!(PanelsMut::packed(&mut [0.0f32; panels_len(2, 3)], 2, 3)?.cols(), 3);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn cols(&self) -> usize {
        self.cols
    }

    /// Rows `from .. from + rows` of panel p, over its whole width, one after the other.
    #[inline(always)]
    pub(crate) fn rows_of(&mut self, p: usize, from: usize, rows: usize) -> &mut [T] {
        let at = (p * self.rows + from) * PANEL;
        self.data.get_mut(at..at + rows.min(self.rows - from) * PANEL).unwrap_or_default()
    }

    /// Panel p as a matrix.
    pub(crate) fn panel(&mut self, p: usize) -> Result<MatMut<'_, T>, Error> {
        let len = area(self.rows, PANEL);
        let width = PANEL.min(self.cols.saturating_sub(p * PANEL));
        MatMut::with_stride(self.data.get_mut(p * len..(p + 1) * len).unwrap_or_default(), self.rows, width, PANEL)
    }
}

/// Reads one number of every cache line.
#[inline(always)]
pub(crate) fn touch<T: Float>(x: &[T]) {
    let mut sum = T::ZERO;
    for &x in x.iter().step_by(64 / size_of::<T>()) {
        sum += x;
    }
    core::hint::black_box(sum);
}

/// Copies a matrix into panels, rounded where they are bfloat16; zeros behind the last column.
///
/// # Errors
/// [`Error::Length`] unless `to` has [`panels_len`]`(rows, cols)` numbers, or half as many words of bfloat16.
///
/// ```
/// use subquad::{MatRef, sparse::{PANEL, pack, panels_len}};
///
/// let mut to = [f32::NAN; panels_len(2, 2)];
/// pack(MatRef::new(&[1.0, 2.0, 3.0, 4.0], 2, 2)?, &mut to)?;
/// assert_eq!((to[0], to[1], to[2], to[PANEL]), (1.0, 2.0, 0.0, 3.0));
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn pack<E: Stored>(from: MatRef<'_, E::Number>, to: &mut [E]) -> Result<(), Error> {
    expect_length("pack", panels_len(from.rows(), from.cols()) / E::COLUMNS, to.len())?;
    if from.rows() == 0 {
        return Ok(());
    }
    let line = PANEL / E::COLUMNS;
    for (p, panel) in to.chunks_exact_mut(area(line, from.rows()).max(1)).enumerate() {
        let columns = from.col_range(p * PANEL, PANEL);
        for (j, piece) in panel.chunks_exact_mut(line).enumerate() {
            for c in 0..PANEL {
                E::put(piece, c, columns.get(j, c).unwrap_or(E::Number::ZERO));
            }
        }
    }
    Ok(())
}

/// Copies panels into panels of numbers.
#[cfg(feature = "std")]
pub(crate) fn unpack<E: Stored>(from: Panels<'_, E>, to: &mut [E::Number]) -> Result<(), Error> {
    expect_length("unpack", panels_len(from.rows, from.cols), to.len())?;
    for (p, panel) in to.chunks_exact_mut(area(PANEL, from.rows).max(1)).enumerate() {
        for (j, piece) in panel.chunks_exact_mut(PANEL).enumerate() {
            let line = from.piece(p, j);
            piece.iter_mut().enumerate().for_each(|(c, to)| *to = E::pick(line, E::key(0, c)).unwrap_or(E::Number::ZERO));
        }
    }
    Ok(())
}

/// Rows of A that pass a block of B together, at most: their places in it are kept on the stack.
const SAMPLES: usize = 512;

/// Pieces of the result lie a row apart, where no processor foresees them: so many rows before it is wanted each is asked for.
const AHEAD: usize = 4;

/// `Out <- A B`, or `Out <- Out + A B`, for sparse rows A.
///
/// # Shapes
/// A n x m of depth 1, B m x N, Out n x N.
///
/// # Errors
/// [`Error::Length`] where shapes disagree.
///
/// # Numerics
/// Each entry is one chain of multiply-adds over the row's places, ascending, from zero or from what was there.
///
/// # Cost
/// 2 N flops for each place of A: a load of the second-level cache and a multiply-add for each vector. B passes from memory once for every
/// 512 rows of A; the part of it that is next is fetched while this one is worked on, where most of its rows are wanted.
///
/// ```
/// use subquad::sparse::{Panels, SparseRef, Support, times_panels};
/// use subquad::{Level, MatMut};
///
/// // The row (0, 2) times a matrix, added to ones.
/// let row = SparseRef::new(Support::new(&[0, 1], &[1], 2)?, 1, &[2.0f32])?;
/// let b = Panels::row_major(&[1.0f32, 2.0, 3.0, 10.0, 20.0, 30.0], 2, 3)?;
/// let mut out = [1.0; 3];
/// times_panels(Level::detect(), row, b, true, MatMut::new(&mut out, 1, 3)?)?;
/// assert_eq!(out, [21.0, 41.0, 61.0]);
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn times_panels<E: Stored>(
    level: Level,
    a: SparseRef<'_, E::Number>,
    b: Panels<'_, E>,
    add: bool,
    out: MatMut<'_, E::Number>,
) -> Result<(), Error> {
    expect_length("times_panels: depth of A", 1, a.depth())?;
    expect_length("times_panels: rows of B", a.support().cols(), b.rows())?;
    expect_length("times_panels: rows of the result", a.rows(), out.rows())?;
    expect_length("times_panels: columns of the result", b.cols(), out.cols())?;
    if out.rows() > 0 && out.cols() > 0 {
        times_entry(level, a, b, add, out);
    }
    Ok(())
}

multiversion! {
    fn times_entry<E: Stored>(a: SparseRef<'_, E::Number>, b: Panels<'_, E>, add: bool, out: MatMut<'_, E::Number>) = times_body;
}

#[inline(always)]
fn times_body<E: Stored, S: Reads<E>>(s: S, a: SparseRef<'_, E::Number>, b: Panels<'_, E>, add: bool, mut out: MatMut<'_, E::Number>) {
    let mut inside = [(0u32, 0u32); SAMPLES];
    for group in (0..a.rows()).step_by(SAMPLES) {
        let samples = SAMPLES.min(a.rows() - group);
        inside.fill((0, 0));
        for block in (0..b.rows().max(1)).step_by(BLOCK) {
            let add = add || block > 0;
            let rows = BLOCK.min(b.rows() - block);
            // The places of each row of A in the block: behind those in the block before.
            let mut places = 0;
            for (i, inside) in inside.iter_mut().take(samples).enumerate() {
                let rest = a.support().row(group + i).get(inside.1 as usize..).unwrap_or_default();
                let count = rest.partition_point(|&j| (j as usize) < block + rows);
                *inside = (inside.1, inside.1 + count as u32);
                places += count;
            }
            let busy = 2 * places > rows;
            for p in 0..b.count() {
                let width = b.width(p);
                for (i, &(first, last)) in inside.iter().take(samples).enumerate() {
                    if busy {
                        b.fetch_ahead(p + 1, block + i * rows / samples..block + (i + 1) * rows / samples);
                    }
                    if add && let Some(later) = out.row(group + i + AHEAD).and_then(|row| row.get(p * PANEL..)?.get(..width)) {
                        fetch_ahead(later);
                    }
                    if first == last && add {
                        continue;
                    }
                    let places = first as usize..last as usize;
                    let indices = a.support().row(group + i).get(places.clone()).unwrap_or_default();
                    let values = a.row(group + i, 0).get(places).unwrap_or_default();
                    let Some(to) = out.row(group + i).and_then(|row| row.get_mut(p * PANEL..)?.get_mut(..width)) else { continue };
                    // Whole pieces without a call of memcpy.
                    if let Some(to) = to.first_chunk_mut::<PANEL>() {
                        let mut piece = if add { *to } else { [E::Number::ZERO; PANEL] };
                        gather(s, indices, values, b, p, &mut piece);
                        *to = piece;
                    } else {
                        let mut piece = [E::Number::ZERO; PANEL];
                        piece[..width].copy_from_slice(to);
                        if !add {
                            piece.fill(E::Number::ZERO);
                        }
                        gather(s, indices, values, b, p, &mut piece);
                        to.copy_from_slice(&piece[..width]);
                    }
                }
            }
        }
    }
}

/// Adds the rows `indices` of panel p, times the values.
#[inline(always)]
fn gather<E: Stored, S: Reads<E>>(s: S, indices: &[u32], values: &[E::Number], b: Panels<'_, E>, p: usize, piece: &mut [E::Number; PANEL]) {
    if !b.is_whole(p) {
        return gather_part(s, indices, values, b, p, piece);
    }
    // Accumulators of one pass: eight vectors, or the whole piece where it has fewer.
    if PANEL / S::LANES <= 4 {
        gather_whole::<E, S, 4>(s, indices, values, b, p, piece)
    } else {
        gather_whole::<E, S, 8>(s, indices, values, b, p, piece)
    }
}

#[inline(always)]
fn gather_whole<E: Stored, S: Reads<E>, const V: usize>(
    s: S,
    indices: &[u32],
    values: &[E::Number],
    b: Panels<'_, E>,
    p: usize,
    piece: &mut [E::Number; PANEL],
) {
    let (pieces, _) = s.chunks_mut(piece);
    for (part, to) in pieces.chunks_exact_mut(V).enumerate() {
        let mut sums = [s.splat(E::Number::ZERO); V];
        for (sum, from) in sums.iter_mut().zip(&*to) {
            *sum = s.load(from);
        }
        let (panel, step) = b.panel_from(p, 0);
        if step == PANEL / E::COLUMNS {
            let lines = E::lines(panel);
            for (&j, &x) in indices.iter().zip(values) {
                if let Some(line) = lines.get(j as usize) {
                    add_line(s, x, line, part * V, &mut sums);
                }
            }
        } else {
            for (&j, &x) in indices.iter().zip(values) {
                if let Some(line) = panel.get(j as usize * step..).and_then(|line| E::lines(line).first()) {
                    add_line(s, x, line, part * V, &mut sums);
                }
            }
        }
        for (to, sum) in to.iter_mut().zip(sums) {
            s.store(to, sum);
        }
    }
}

/// Adds x times a line's vectors from `first` on. (A closure would not be inlined, nor what it calls.)
#[inline(always)]
fn add_line<E: Stored, S: Reads<E>, const V: usize>(s: S, x: E::Number, line: &E::Line, first: usize, sums: &mut [S::V; V]) {
    let x = s.splat(x);
    for (v, sum) in sums.iter_mut().enumerate() {
        *sum = s.mul_add(x, s.read(line, first + v), *sum);
    }
}

/// The last panel of a matrix that lies row by row.
#[inline(always)]
fn gather_part<E: Stored, S: Reads<E>>(
    s: S,
    indices: &[u32],
    values: &[E::Number],
    b: Panels<'_, E>,
    p: usize,
    piece: &mut [E::Number; PANEL],
) {
    let vectors = b.width(p).div_ceil(S::LANES);
    for (&j, &x) in indices.iter().zip(values) {
        let (x, line) = (s.splat(x), b.piece(p, j as usize));
        for (v, to) in s.chunks_mut(piece).0.iter_mut().take(vectors).enumerate() {
            let sum = s.mul_add(x, s.read_part(line, v), s.load(to));
            s.store(to, sum);
        }
    }
}

/// The numbers of a sparse matrix, column by column, times alpha.
#[inline(always)]
pub(crate) fn turn<T: Float>(a: SparseRef<'_, T>, columns: Columns<'_>, alpha: T, to: &mut [T]) {
    for r in 0..columns.cols() {
        let Some(to) = columns.range(r).and_then(|range| to.get_mut(range)) else { continue };
        let (rows, places) = columns.column(r);
        for ((to, &row), &place) in to.iter_mut().zip(rows).zip(places) {
            *to = alpha * a.row(row as usize, 0).get(place as usize).copied().unwrap_or(T::ZERO);
        }
    }
}

/// Scratch of [`spread`], in elements: the numbers of U, column by column.
///
/// ```
/// assert_eq!(subquad::sparse::spread_scratch_len(500), 500);
/// ```
pub const fn spread_scratch_len(places: usize) -> usize {
    places
}

/// `Z <- Z + alpha M^T U`, for sparse rows U that are known column by column: what an update of rank R adds to the
/// pre-activations, M[f, i] being what sample i takes of its term f.
///
/// # Shapes
/// U R x m of depth 1, with its [`Columns`]; M R x n in panels; Z n x m.
///
/// # Errors
/// [`Error::Length`] where shapes disagree, [`Error::TooShort`] if scratch is less than [`spread_scratch_len`] of U's places.
///
/// # Cost
/// 2 n flops for each place of U, and n m additions.
///
/// ```
/// use subquad::sparse::{Columns, Panels, SparseRef, Support, spread, spread_scratch_len};
/// use subquad::{Level, MatMut};
///
/// // One term u = (0, 5, 0), of which the first sample takes 1 and the second 10; all of it twice.
/// let u = SparseRef::new(Support::new(&[0, 1], &[1], 3)?, 1, &[5.0f32])?;
/// let columns = Columns::new(&[0, 0, 1, 1], &[0], &[0])?;
/// let (mut z, mut scratch) = ([0.0; 6], [0.0; spread_scratch_len(1)]);
/// spread(Level::detect(), 2.0, u, columns, Panels::row_major(&[1.0f32, 10.0], 1, 2)?, MatMut::new(&mut z, 2, 3)?, &mut scratch)?;
/// assert_eq!(z, [0.0, 10.0, 0.0, 0.0, 100.0, 0.0]);
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn spread<E: Stored>(
    level: Level,
    alpha: E::Number,
    u: SparseRef<'_, E::Number>,
    columns: Columns<'_>,
    m: Panels<'_, E>,
    z: MatMut<'_, E::Number>,
    scratch: &mut [E::Number],
) -> Result<(), Error> {
    expect_length("spread: depth of U", 1, u.depth())?;
    expect_length("spread: columns of U", u.support().cols(), columns.cols())?;
    expect_length("spread: places of U", u.support().len(), columns.len())?;
    expect_length("spread: rows of M", u.rows(), m.rows())?;
    expect_length("spread: rows of Z", m.cols(), z.rows())?;
    expect_length("spread: columns of Z", columns.cols(), z.cols())?;
    let (scratch, _) = take(scratch, spread_scratch_len(columns.len()))?;
    if z.rows() > 0 && z.cols() > 0 {
        spread_entry(level, alpha, u, columns, m, z, scratch);
    }
    Ok(())
}

multiversion! {
    fn spread_entry<E: Stored>(
        alpha: E::Number, u: SparseRef<'_, E::Number>, columns: Columns<'_>, m: Panels<'_, E>, z: MatMut<'_, E::Number>, scratch: &mut [E::Number],
    ) = spread_body;
}

#[inline(always)]
fn spread_body<E: Stored, S: Reads<E>>(
    s: S,
    alpha: E::Number,
    u: SparseRef<'_, E::Number>,
    columns: Columns<'_>,
    m: Panels<'_, E>,
    mut z: MatMut<'_, E::Number>,
    scratch: &mut [E::Number],
) {
    turn(u, columns, alpha, scratch);
    for p in 0..m.count() {
        for from in (0..columns.cols()).step_by(TURN) {
            let neurons = TURN.min(columns.cols() - from);
            let mut block = [[E::Number::ZERO; PANEL]; TURN];
            for (r, piece) in block.iter_mut().take(neurons).enumerate() {
                let Some(values) = columns.range(from + r).and_then(|range| scratch.get(range)) else { continue };
                gather(s, columns.column(from + r).0, values, m, p, piece);
            }
            // Whole vectors of neurons, for four samples at a time; what is left one by one.
            let (samples, mut turned) = (m.width(p), 0);
            while turned + S::LANES <= neurons && samples >= 4 {
                add_turned(s, block.get(turned..).unwrap_or_default(), p * PANEL, samples / 4 * 4, from + turned, &mut z);
                turned += S::LANES;
            }
            for i in 0..samples {
                let first = if i < samples / 4 * 4 { turned } else { 0 };
                let Some(row) = z.row(p * PANEL + i).and_then(|row| row.get_mut(from + first..from + neurons)) else { continue };
                for (z, piece) in row.iter_mut().zip(block.iter().skip(first)) {
                    if let Some(&x) = piece.get(i) {
                        *z += x;
                    }
                }
            }
        }
    }
}

/// Adds the first pieces, a vector's lanes of them, to as many columns of Z, from column `at` on: number i of each piece to row `first` + i.
#[inline(always)]
fn add_turned<T: Float, S: Simd<T>>(s: S, pieces: &[[T; PANEL]], first: usize, samples: usize, at: usize, z: &mut MatMut<'_, T>) {
    let Some(mut abreast) = pieces.first().and_then(|piece| Abreast::new(piece, PANEL)) else { return };
    for (lane, piece) in pieces.iter().take(S::LANES).enumerate() {
        abreast.put(lane, piece);
    }
    for i in (0..samples).step_by(4) {
        let [four] = s.turn::<1>(&abreast, i);
        for (k, v) in four.into_iter().enumerate() {
            let Some(row) = z.row(first + i + k).and_then(|row| row.get_mut(at..)) else { continue };
            // Rows lie apart; the next columns' turn comes after all other rows.
            if let Some(later) = row.get(TURN..TURN + S::LANES) {
                fetch_ahead(later);
            }
            if let Some(to) = s.chunks_mut(row).0.first_mut() {
                let sum = s.add(s.load(to), v);
                s.store(to, sum);
            }
        }
    }
}
