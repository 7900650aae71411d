//! Runs every case on a Cortex-M4F and compares it with what the host found; measures the stack, by painting it.
#![no_std]
#![no_main]

#[path = "../../everywhere/cases.rs"]
mod cases;
mod flash;

use cases::{CASES, Memory, Outcome};
use core::panic::PanicInfo;
use cortex_m_rt::entry;
use cortex_m_semihosting::{debug, hprintln};
use subquad::Level;

include!(concat!(env!("OUT_DIR"), "/expected.rs"));

static mut MEMORY: Memory = Memory::new();

/// Words below the stack pointer that are painted before a case, and searched after it.
const PAINTED: usize = 16 * 1024;
const PAINT: u32 = 0xC0FF_EE11;
/// Words next to the stack pointer that belong to the painter itself.
const OWN: usize = 64;

fn stack_pointer() -> *mut u32 {
    let sp: *mut u32;
    // SAFETY: reads a register.
    unsafe { core::arch::asm!("mov {}, sp", out(reg) sp, options(nomem, nostack, preserves_flags)) };
    sp
}

#[inline(never)]
fn paint() {
    let top = stack_pointer().wrapping_sub(OWN);
    for i in 0..PAINTED {
        // SAFETY: memory below the stack pointer, in RAM, that nothing else uses: there is no heap, and the stack has
        // megabytes.
        unsafe { top.wrapping_sub(i).write_volatile(PAINT) };
    }
}

/// Bytes below the caller's stack pointer that have been written since [`paint`].
#[inline(never)]
fn used() -> usize {
    let top = stack_pointer().wrapping_sub(OWN);
    // SAFETY: as in `paint`.
    let clean = (0..PAINTED).rev().take_while(|&i| unsafe { top.wrapping_sub(i).read_volatile() } == PAINT).count();
    (PAINTED - clean + OWN) * 4
}

#[entry]
fn main() -> ! {
    // SAFETY: taken once, here; there is one thread and no interrupt.
    let memory = unsafe { &mut *(&raw mut MEMORY) };
    let (level, indexes) = (Level::detect(), flash::indexes());
    let mut failed = false;
    for ((name, exact, run), wanted) in CASES.iter().zip(&EXPECTED) {
        cases::prepare(memory);
        paint();
        let found = run(level, memory, indexes);
        let stack = used();
        let verdict = match found {
            Ok(found) if found.bits == wanted.bits => "same bits",
            Ok(found) if !exact && found.is_close(wanted) => "close",
            _ => {
                failed = true;
                "FAIL"
            }
        };
        hprintln!("case|{}|{}|{}|{}", name, level.name(), verdict, stack);
    }
    hprintln!("static|{}", size_of::<Memory>());
    debug::exit(if failed { debug::EXIT_FAILURE } else { debug::EXIT_SUCCESS });
    loop {}
}

#[panic_handler]
fn panicked(info: &PanicInfo) -> ! {
    hprintln!("{}", info);
    debug::exit(debug::EXIT_FAILURE);
    loop {}
}
