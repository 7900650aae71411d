//! Nothing below the trainers allocates: an allocator that aborts is armed around every kernel.

#![allow(clippy::useless_vec, reason = "large buffers do not belong on a test's stack")]

#[path = "../oracle/mod.rs"]
mod oracle;
#[path = "../public/mod.rs"]
mod public;

mod dense;
mod halfspace;
mod iterations;
mod layers;
mod networks;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::Write;

struct Armed;

thread_local! {
    static ARMED: Cell<bool> = const { Cell::new(false) };
}

#[allow(unsafe_code, reason = "an allocator is unsafe by its nature")]
// SAFETY: everything is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Armed {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // An assertion that fails may say so.
        if ARMED.get() && !std::thread::panicking() {
            ARMED.set(false); // the message allocates
            let _ = writeln!(std::io::stderr(), "a kernel asked for {} bytes", layout.size()); // not kept by the test's harness
            std::process::abort();
        }
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Armed = Armed;

fn armed<R>(kernel: impl FnOnce() -> R) -> R {
    /// Disarms, also where the kernel panics.
    struct Until;
    impl Drop for Until {
        fn drop(&mut self) {
            ARMED.set(false);
        }
    }
    ARMED.set(true);
    let _until = Until;
    kernel()
}

/// The allocator does abort: in a process of its own, which is this program with a variable set.
#[test]
fn an_allocation_is_noticed() {
    const VARIABLE: &str = "SUBQUAD_ALLOCATE_WHILE_ARMED";
    if std::env::var_os(VARIABLE).is_some() {
        armed(|| std::hint::black_box(vec![0u8; 7]));
        return;
    }
    let this = std::env::current_exe().unwrap();
    // An emulated program starts another by the emulator alone.
    let emulator = std::env::var_os("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_RUNNER")
        .filter(|_| cfg!(all(target_arch = "aarch64", target_env = "musl")));
    let mut command = std::process::Command::new(emulator.as_deref().unwrap_or(this.as_os_str()));
    if emulator.is_some() {
        command.arg(&this);
    }
    let run = command.args(["--exact", "an_allocation_is_noticed", "--nocapture"]).env(VARIABLE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&run.stderr).to_string();
    assert!(!run.status.success() && said.contains("a kernel asked for 7 bytes"), "{:?}: {said}", run.status);
}

/// Whoever adds a public function calls it in one of these files.
#[test]
fn no_function_is_left_out() {
    let tests = [
        include_str!("dense.rs"),
        include_str!("halfspace.rs"),
        include_str!("iterations.rs"),
        include_str!("layers.rs"),
        include_str!("networks.rs"),
    ];
    let missing = public::missing(&public::functions(), &tests.concat(), |f| !f.signature.is_empty());
    assert!(missing.is_empty(), "not called while the allocator is armed: {missing:#?}");
}
