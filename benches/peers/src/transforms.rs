//! Walsh-Hadamard transforms in place: the crate fwht, the loop that everybody writes, and FFHT where it is at hand.

use std::ffi::{CStr, CString};
use std::hint::black_box;

use subquad::hadamard::fwht;
use subquad::{Float, Level};

use crate::race::{close, gaussian, race};

fn triple_loop(x: &mut [f32]) {
    let mut h = 1;
    while h < x.len() {
        for i in (0..x.len()).step_by(2 * h) {
            for j in i..i + h {
                (x[j], x[j + h]) = (x[j] + x[j + h], x[j] - x[j + h]);
            }
        }
        h *= 2;
    }
}

type Ffht<T> = unsafe extern "C" fn(*mut T, libc::c_int) -> libc::c_int;

/// `fht_float` or `fht_double` of the shared library that FFHT_LIBRARY names.
fn ffht<T>(name: &CStr) -> Option<Ffht<T>> {
    let path = CString::new(std::env::var("FFHT_LIBRARY").ok()?).ok()?;
    // SAFETY: the library's initialisers are trusted by whoever set the variable.
    let library = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
    if library.is_null() {
        // SAFETY: after a failure this is a message that ends with a zero.
        eprintln!("{}", unsafe { CStr::from_ptr(libc::dlerror()) }.to_string_lossy());
        return None;
    }
    // SAFETY: the handle is open, the name ends with a zero.
    let function = unsafe { libc::dlsym(library, name.as_ptr()) };
    // SAFETY: FFHT's header declares it with this type.
    (!function.is_null()).then(|| unsafe { std::mem::transmute::<*mut libc::c_void, Ffht<T>>(function) })
}

/// Every size, both floats, every level with vectors, against FFHT alone, on arrays that begin at a cache line.
fn sizes<T: Float>(of: &str, transform: Ffht<T>) {
    let aligned = |n: usize| {
        let x = vec![T::ZERO; n + 64];
        let at = x.as_ptr().align_offset(64).min(64);
        (x, at)
    };
    for level in Level::available().filter(|level| level.name() != "scalar") {
        for p in 5..=24 {
            let n = 1usize << p;
            let ((mut ours, at), (mut theirs, to)) = (aligned(n), aligned(n));
            let (ours, theirs) = (&mut ours[at..at + n], &mut theirs[to..to + n]);
            for (k, (x, y)) in ours.iter_mut().zip(&mut *theirs).enumerate() {
                *x = T::from_f64(((k * k) % 17) as f64);
                *y = *x;
            }
            // SAFETY: the array has 2^p numbers.
            let ffht = |x: &mut [T]| assert_eq!(unsafe { transform(x.as_mut_ptr(), p) }, 0);
            fwht(level, ours).unwrap();
            ffht(theirs);
            // Sums of small whole numbers: exact, as long as they stay below 2^24.
            assert!(p > 20 || ours == theirs);
            ours.fill(T::ZERO);
            theirs.fill(T::ZERO);
            let (mut mine, mut other) = (|| fwht(level, black_box(&mut *ours)).unwrap(), || ffht(black_box(&mut *theirs)));
            race("ffht", &format!("{of}, {level}, 2^{p}"), &mut [("", &mut mine), ("FFHT", &mut other)]);
        }
    }
}

/// Against FFHT, if it is at hand.
pub fn against_ffht() {
    match (ffht::<f32>(c"fht_float"), ffht::<f64>(c"fht_double")) {
        (Some(single), Some(double)) => {
            sizes("f32", single);
            sizes("f64", double);
        }
        _ => eprintln!("!!! FFHT is left out: FFHT_LIBRARY names no such library"),
    }
}

pub fn run() {
    let level = Level::detect();
    let ffht = ffht::<f32>(c"fht_float");
    for p in [5u32, 8, 10, 12, 14, 16, 18, 20, 22] {
        let n = 1usize << p;
        let x = gaussian(n, 1);
        let (mut ours, mut crates, mut loops, mut c) = (x.clone(), x.clone(), x.clone(), x);
        fwht(level, &mut ours).unwrap();
        fwht::core::fwht_slice(&mut crates).unwrap();
        triple_loop(&mut loops);
        close(&ours, &loops, 1e-6);
        close(&crates, &loops, 1e-6);
        // SAFETY: c has 2^p numbers.
        let mut by_ffht = ffht.map(|transform| move |c: &mut [f32]| assert_eq!(unsafe { transform(c.as_mut_ptr(), p as i32) }, 0));
        if let Some(transform) = &mut by_ffht {
            transform(&mut c);
            close(&c, &loops, 1e-6);
        }
        // Zeros stay zeros: repetition in place neither overflows nor meets subnormals.
        [&mut ours, &mut crates, &mut loops, &mut c].into_iter().for_each(|x| x.fill(0.0));
        let mut all: Vec<(&str, Box<dyn FnMut() + '_>)> = vec![
            ("", Box::new(|| fwht(level, black_box(&mut ours)).unwrap())),
            ("fwht 0.1", Box::new(|| fwht::core::fwht_slice(black_box(&mut crates)).unwrap())),
            ("triple loop", Box::new(|| triple_loop(black_box(&mut loops)))),
        ];
        if let Some(transform) = &mut by_ffht {
            all.push(("FFHT", Box::new(|| transform(black_box(&mut c)))));
        }
        let mut all: Vec<(&str, &mut dyn FnMut())> = all.iter_mut().map(|(name, run)| (*name, &mut **run as &mut dyn FnMut())).collect();
        race("transforms", &format!("2^{p}"), &mut all);
    }
}
