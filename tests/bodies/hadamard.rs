//! The Walsh-Hadamard transform in every form.

use super::source::Source;
use subquad::hadamard::{self, Order, Signs, Transform};
use subquad::{Element, Level, MatMut, MatRef};

/// Numbers of an element type from the source: floats of any bits or exact ones, integers of any bits.
trait Number: Element {
    fn take(source: &mut Source<'_>, any: bool) -> Self;
    /// Equal bits, or both no numbers.
    fn same(self, other: Self) -> bool;
    fn exact(self) -> f64;
    /// Whether sums of such numbers are exact.
    fn from_small(x: i8) -> Self;
    const INTEGER: bool;
}

macro_rules! float {
    ($T:ty, $bits:ty) => {
        impl Number for $T {
            fn take(source: &mut Source<'_>, any: bool) -> Self {
                if any {
                    <$T>::from_bits((u64::from(source.u32()) << 32 | u64::from(source.u32())) as $bits)
                } else {
                    Self::from_small(source.byte() as i8)
                }
            }
            fn same(self, other: Self) -> bool {
                self.to_bits() == other.to_bits() || self.is_nan() && other.is_nan()
            }
            fn exact(self) -> f64 {
                self.into()
            }
            fn from_small(x: i8) -> Self {
                <$T>::from(x) / 16.0
            }
            const INTEGER: bool = false;
        }
    };
}
float!(f32, u32);
float!(f64, u64);

macro_rules! integer {
    ($T:ty) => {
        impl Number for $T {
            fn take(source: &mut Source<'_>, any: bool) -> Self {
                if any { source.u32() as $T } else { Self::from_small(source.byte() as i8) }
            }
            fn same(self, other: Self) -> bool {
                self == other
            }
            fn exact(self) -> f64 {
                self.into()
            }
            fn from_small(x: i8) -> Self {
                x.into()
            }
            const INTEGER: bool = true;
        }
    };
}
integer!(i32);
integer!(i16);

/// Entry i of H D x, by the definition, for numbers whose sums are exact.
fn row_of_hadamard<T: Number>(x: &[T], signs: Signs<'_>, n: usize, i: usize) -> f64 {
    let term = |(j, x): (usize, &T)| if hadamard::is_minus(n, i, j) != signs.is_minus(j) { -x.exact() } else { x.exact() };
    x.iter().enumerate().map(term).sum()
}

/// The transform in every form: at every level the same bits, and for exact numbers those of the definition.
pub fn hadamard(bytes: &[u8]) {
    let mut source = Source(bytes);
    match source.byte() % 4 {
        0 => transforms::<f32>(&mut source),
        1 => transforms::<f64>(&mut source),
        2 => transforms::<i32>(&mut source),
        _ => transforms::<i16>(&mut source),
    }
}

/// Every way to run a transform, for one element type.
fn transforms<T: Number>(source: &mut Source<'_>) {
    let (kind, any) = (source.byte(), source.byte().is_multiple_of(2));
    let wanted = source.below(if kind % 16 == 15 { 20_000 } else { 1500 });
    // Mostly lengths that exist, q 2^p among them.
    let n = if source.byte().is_multiple_of(8) { wanted } else { hadamard::len_above(wanted).unwrap_or(1) };
    let seed = u64::from(source.u32());
    let words: Vec<u64> = (0..n.div_ceil(64)).map(|_| u64::from(source.u32()) << 32 | u64::from(source.u32())).collect();
    let signs = match source.byte() % 3 {
        0 => Signs::None,
        1 => Signs::Bits(&words),
        _ => Signs::Seed(seed),
    };
    let order = [Order::Natural, Order::Dyadic, Order::Sequency][usize::from(source.byte() % 3)];
    let mut transform = Transform::new().signs(signs).order(order);
    let scaled = source.byte().is_multiple_of(3);
    if scaled {
        transform = transform.scaled(T::from_small(source.byte() as i8));
    }
    let valid = hadamard::is_len(n) && (order == Order::Natural || n.is_power_of_two());
    let have = if source.byte().is_multiple_of(2) { n } else { source.below(n + 1) };
    let x: Vec<T> = (0..have).map(|_| T::take(source, any)).collect();
    let (rows, extra) = (source.below(4) + 1, source.below(3));
    let chosen: Vec<usize> = (0..source.below(9)).map(|_| source.below(n.max(1))).collect();
    let dirt = T::from_small(-77);

    let mut first: Option<Vec<T>> = None;
    for level in Level::available() {
        let mut out = vec![dirt; n];
        let done = transform.run_from(level, &x, &mut out);
        assert_eq!(done.is_ok(), valid, "{level}: length {n}");
        if !valid {
            continue;
        }
        let first = first.get_or_insert_with(|| out.clone());
        let equal = |found: &[T], how: &str| {
            assert!(found.len() == first.len() && found.iter().zip(&*first).all(|(a, b)| a.same(*b)), "{level}: {how} of {n}");
        };
        equal(&out, "from a source");
        if have == n {
            let mut alone = x.clone();
            transform.run(level, &mut alone).expect("valid before");
            equal(&alone, "in place");
            if order == Order::Natural && signs == Signs::None && !scaled {
                let mut plain = x.clone();
                hadamard::fwht(level, &mut plain).expect("valid before");
                equal(&plain, "the front door");
            }
        }
        if n <= 4096 {
            // Rows of a matrix with a stride, in place and from a source; what lies between them stays.
            let stride = n + extra;
            let mut data = vec![dirt; rows * stride];
            for row in data.chunks_mut(stride) {
                row[..have].copy_from_slice(&x);
                row[have..n].fill(T::from_small(0));
            }
            transform.rows(level, MatMut::with_stride(&mut data, rows, n, stride).expect("fits")).expect("valid before");
            for row in data.chunks(stride) {
                equal(&row[..n], "rows");
                assert!(row[n..].iter().all(|x| x.same(dirt)), "{level}: wrote between rows");
            }
            let from: Vec<T> = (0..rows).flat_map(|_| x.iter().copied()).collect();
            let mut to = vec![dirt; rows * n];
            let source = MatRef::new(&from, rows, have).expect("fits");
            transform.rows_from(level, source, MatMut::new(&mut to, rows, n).expect("fits")).expect("valid before");
            to.chunks(n).for_each(|row| equal(row, "rows from a source"));
            // Columns.
            let mut data = vec![dirt; n * (rows + extra)];
            for (row, i) in data.chunks_mut(rows + extra).zip(0..) {
                row[..rows].fill(x.get(i).copied().unwrap_or(T::from_small(0)));
            }
            transform.columns(level, MatMut::with_stride(&mut data, n, rows, rows + extra).expect("fits")).expect("valid before");
            for j in 0..rows {
                let column: Vec<T> = data.chunks(rows + extra).map(|row| row[j]).collect();
                equal(&column, "columns");
            }
            assert!(data.chunks(rows + extra).all(|row| row[rows..].iter().all(|x| x.same(dirt))), "{level}: wrote between columns");
        }
        if n.is_power_of_two() {
            let mut out = vec![dirt; chosen.len()];
            let mut scratch = vec![dirt; hadamard::outputs_scratch_len(n, chosen.len())];
            transform.outputs(level, &x, n, &chosen, &mut out, &mut scratch).expect("valid before");
            assert!(out.iter().zip(&chosen).all(|(found, &k)| found.same(first[k])), "{level}: chosen outputs of {n}");
        }
    }
    // Exact numbers: sums of 1500 of them, times 16, fit 24 bits; those of 16-bit integers may wrap.
    if let Some(found) = first.filter(|_| !any && !scaled && n <= 1500) {
        for k in [0, 1, n / 2, n - 1, seed as usize % n] {
            let natural = order.natural(k, n);
            let wanted = row_of_hadamard(&x, signs, n, natural.min(n - 1));
            let found = found[k.min(n - 1)].exact();
            assert!(found == wanted || T::INTEGER && (found - wanted) % 65_536.0 == 0.0, "output {k} of {n}: {found}, should be {wanted}");
        }
    }
}
