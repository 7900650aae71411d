//! Walsh-Hadamard transforms, f32, in place: the crate fwht, the loop that everybody writes, and FFHT where it is at hand.

use std::ffi::CString;
use std::hint::black_box;

use subquad::Level;
use subquad::hadamard::fwht;

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

type Ffht = unsafe extern "C" fn(*mut f32, libc::c_int) -> libc::c_int;

/// `fht_float` of the shared library that FFHT_LIBRARY names.
fn ffht() -> Option<Ffht> {
    let path = CString::new(std::env::var("FFHT_LIBRARY").ok()?).ok()?;
    // SAFETY: the library's initialisers are trusted by whoever set the variable.
    let library = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
    if library.is_null() {
        return None;
    }
    // SAFETY: the handle is open, the name ends with a zero.
    let function = unsafe { libc::dlsym(library, c"fht_float".as_ptr()) };
    // SAFETY: FFHT's header declares it with this type.
    (!function.is_null()).then(|| unsafe { std::mem::transmute::<*mut libc::c_void, Ffht>(function) })
}

pub fn run() {
    let level = Level::detect();
    let ffht = ffht();
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
