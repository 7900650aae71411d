//! Asking an x86-64 processor without std: CPUID with its leaf limit, and what the operating system saves.

use core::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
use core::sync::atomic::{AtomicU32, Ordering};

/// The features the table names, each a bit of the cached answer.
const NAMES: [&str; 11] =
    ["avx2", "fma", "bmi2", "popcnt", "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512vbmi2", "avx512vpopcntdq", "avx512vnni"];
/// Set once the processor has been asked.
const ASKED: u32 = 1 << 31;

/// XCR0: the operating system saves SSE and AVX registers.
const SAVES_YMM: u64 = 0b110;
/// XCR0: it also saves mask registers and both halves of the 512-bit file.
const SAVES_ZMM: u64 = 0b1110_0110;

/// Whether the processor has the feature and the operating system saves its registers.
pub(super) fn has(name: &str) -> bool {
    static ANSWER: AtomicU32 = AtomicU32::new(0);
    let mut answer = ANSWER.load(Ordering::Relaxed);
    if answer & ASKED == 0 {
        answer = ask() | ASKED;
        ANSWER.store(answer, Ordering::Relaxed);
    }
    NAMES.iter().position(|&n| n == name).is_some_and(|bit| answer >> bit & 1 == 1)
}

fn ask() -> u32 {
    // Under Miri there is no processor, and in an SGX enclave CPUID faults.
    if cfg!(any(miri, target_env = "sgx")) {
        return 0;
    }
    #[allow(unused_unsafe, reason = "safe from Rust 1.94 on")]
    // SAFETY: every x86-64 processor has CPUID; leaves above the limit are not asked.
    let (leaf1, leaf7) = unsafe {
        if __cpuid(0).eax < 7 {
            return 0;
        }
        (__cpuid(1), __cpuid_count(7, 0))
    };
    const OSXSAVE: u32 = 1 << 27;
    const AVX: u32 = 1 << 28;
    if leaf1.ecx & OSXSAVE == 0 || leaf1.ecx & AVX == 0 {
        return u32::from(leaf1.ecx >> 23 & 1 == 1) << 3; // popcnt alone needs no vector state
    }
    let saved = saved_state();
    let ymm = saved & SAVES_YMM == SAVES_YMM;
    let zmm = saved & SAVES_ZMM == SAVES_ZMM;
    let (b, c) = (leaf7.ebx, leaf7.ecx);
    let found = [
        ymm && b >> 5 & 1 == 1,
        ymm && leaf1.ecx >> 12 & 1 == 1,
        b >> 8 & 1 == 1,
        leaf1.ecx >> 23 & 1 == 1,
        zmm && b >> 16 & 1 == 1,
        zmm && b >> 30 & 1 == 1,
        zmm && b >> 17 & 1 == 1,
        zmm && b >> 31 & 1 == 1,
        zmm && c >> 6 & 1 == 1,
        zmm && c >> 14 & 1 == 1,
        zmm && c >> 11 & 1 == 1,
    ];
    found.iter().enumerate().fold(0, |bits, (bit, &yes)| bits | u32::from(yes) << bit)
}

/// XCR0.
fn saved_state() -> u64 {
    #[target_feature(enable = "xsave")]
    fn xcr0() -> u64 {
        // SAFETY: register 0 exists wherever XGETBV does.
        unsafe { _xgetbv(0) }
    }
    // SAFETY: OSXSAVE, just tested by the caller, says that XGETBV may be executed.
    unsafe { xcr0() }
}

#[cfg(test)]
mod tests {
    use super::has;

    /// Against the standard library's own detection.
    #[test]
    fn finds_what_std_finds() {
        macro_rules! same {
            ($($f:tt)+) => { $(assert_eq!(has($f), std::arch::is_x86_feature_detected!($f), $f);)+ };
        }
        same!("avx2" "fma" "bmi2" "popcnt" "avx512f" "avx512bw" "avx512dq" "avx512vl" "avx512vbmi2" "avx512vpopcntdq" "avx512vnni");
        assert!(!has("no such feature"));
    }
}
