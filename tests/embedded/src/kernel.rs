//! A program with one kernel in it, to see how much flash it takes and whether it can panic.

/// The whole program around a kernel: static memory, its content unknown to the compiler.
#[macro_export]
macro_rules! program {
    ($memory:ident: $Memory:ty = $new:expr; $run:expr) => {
        #[panic_handler]
        fn panicked(_: &core::panic::PanicInfo) -> ! {
            loop {}
        }

        static mut MEMORY: $Memory = $new;

        #[cortex_m_rt::entry]
        fn main() -> ! {
            // SAFETY: taken once, here; there is one thread and no interrupt.
            let $memory = core::hint::black_box(unsafe { &mut *(&raw mut MEMORY) });
            core::hint::black_box($run.is_ok());
            loop {}
        }
    };
}
