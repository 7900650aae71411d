//! What `run.mjs` calls. No imports: the host gives nothing but time.
#![no_std]

#[path = "../../everywhere/cases.rs"]
mod cases;
#[path = "../../embedded/src/flash.rs"]
mod flash;

use cases::{CASES, Memory, Outcome};
use core::hint::black_box;
use subquad::Level;
use subquad::hadamard::fwht;

include!(concat!(env!("OUT_DIR"), "/expected.rs"));

#[panic_handler]
fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

static mut MEMORY: Memory = Memory::new();
static mut SIGNAL: [f32; 4096] = [0.0; 4096];

fn level(which: u32) -> Option<Level> {
    Level::available().nth(which as usize)
}

/// How many levels there are.
#[unsafe(no_mangle)]
pub extern "C" fn levels() -> u32 {
    Level::available().count() as u32
}

/// Where a name stands in memory, and in the upper half how long it is. 0 behind the last.
#[unsafe(no_mangle)]
pub extern "C" fn level_name(which: u32) -> u64 {
    level(which).map_or(0, |level| place(level.name()))
}

/// The same of a case.
#[unsafe(no_mangle)]
pub extern "C" fn case_name(which: u32) -> u64 {
    CASES.get(which as usize).map_or(0, |case| place(case.0))
}

fn place(text: &'static str) -> u64 {
    text.as_ptr().addr() as u64 | (text.len() as u64) << 32
}

/// Runs a case at a level: 2 for the host's bits, 1 for close to them where they are not promised, 0 for neither.
#[unsafe(no_mangle)]
pub extern "C" fn run_case(which: u32, at: u32) -> u32 {
    let (Some((_, exact, run)), Some(wanted), Some(level)) = (CASES.get(which as usize), EXPECTED.get(which as usize), level(at)) else {
        return 0;
    };
    // SAFETY: there is one thread, and nobody else has the memory while a call runs.
    let memory = unsafe { &mut *(&raw mut MEMORY) };
    cases::prepare(memory);
    match run(level, memory, flash::indexes()) {
        Ok(found) if found.bits == wanted.bits => 2,
        Ok(found) if !exact && found.is_close(wanted) => 1,
        _ => 0,
    }
}

/// Transforms n numbers many times, to be timed.
#[unsafe(no_mangle)]
pub extern "C" fn repeat_fwht(n: u32, at: u32, times: u32) -> u32 {
    // SAFETY: as above.
    let signal = unsafe { &mut *(&raw mut SIGNAL) };
    let (Some(level), Some(signal)) = (level(at), signal.get_mut(..n as usize)) else { return 0 };
    // Zeros: numbers that grow without end would become infinite, which some processors are slower with.
    signal.fill(0.0);
    (0..times).all(|_| fwht(black_box(level), black_box(&mut *signal)).is_ok()).into()
}
