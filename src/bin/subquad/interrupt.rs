//! Ctrl-C: the first ends the run after the step, the second at once.

use std::sync::atomic::{AtomicBool, Ordering};

static ASKED: AtomicBool = AtomicBool::new(false);

/// What a program that was interrupted returns.
pub const EXIT_CODE: u8 = 130;

/// Listens from now on. Where that is impossible Ctrl-C does what it always does.
pub fn listen() {
    let _ = ctrlc::set_handler(|| {
        if ASKED.swap(true, Ordering::SeqCst) {
            std::process::exit(EXIT_CODE.into());
        }
    });
}

/// Whether somebody wants it to end.
pub fn asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}
