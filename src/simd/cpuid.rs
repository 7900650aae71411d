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
    decode(leaf1.ecx, leaf7.ebx, leaf7.ecx, saved_state)
}

/// A bit for each name, from register C of leaf 1, B and C of leaf 7, and XCR0, which is asked for only where it can be read.
fn decode(leaf1: u32, b: u32, c: u32, saved_state: impl FnOnce() -> u64) -> u32 {
    let bit = |register: u32, at: u32| register >> at & 1 == 1;
    let (osxsave, avx) = (bit(leaf1, 27), bit(leaf1, 28));
    let saved = if osxsave && avx { saved_state() } else { 0 };
    let saves = |state: u64| saved & state == state;
    let (ymm, zmm) = (saves(SAVES_YMM), saves(SAVES_ZMM));
    let found = [
        ymm && bit(b, 5),
        ymm && bit(leaf1, 12),
        // These two need no vector state.
        bit(b, 8),
        bit(leaf1, 23),
        zmm && bit(b, 16),
        zmm && bit(b, 30),
        zmm && bit(b, 17),
        zmm && bit(b, 31),
        zmm && bit(c, 6),
        zmm && bit(c, 14),
        zmm && bit(c, 11),
    ];
    found.iter().enumerate().map(|(at, &yes)| u32::from(yes) << at).sum()
}

/// XCR0.
fn saved_state() -> u64 {
    #[target_feature(enable = "xsave")]
    fn xcr0() -> u64 {
        // SAFETY: register 0 exists wherever XGETBV does.
        unsafe { _xgetbv(0) }
    }
    // SAFETY: OSXSAVE, which `decode` has just found, says that XGETBV may be executed.
    unsafe { xcr0() }
}

#[cfg(test)]
mod tests {
    use super::{NAMES, decode, has};

    /// Against the standard library's own detection.
    #[test]
    fn finds_what_std_finds() {
        macro_rules! same {
            ($($f:tt)+) => { $(assert_eq!(has($f), std::arch::is_x86_feature_detected!($f), $f);)+ };
        }
        same!("avx2" "fma" "bmi2" "popcnt" "avx512f" "avx512bw" "avx512dq" "avx512vl" "avx512vbmi2" "avx512vpopcntdq" "avx512vnni");
        assert!(!has("no such feature"));
    }

    /// Of a machine that has everything, one bit is taken away: what is lost. And of one that has nothing, one is given.
    #[test]
    fn every_bit_counts_where_it_should() {
        let lost = |leaf1: u32, b: u32, c: u32, saved: u64| {
            let bits = decode(!leaf1, !b, !c, || !saved);
            NAMES.iter().enumerate().filter(|(i, _)| bits >> i & 1 == 0).map(|(_, name)| *name).collect::<std::vec::Vec<_>>()
        };
        let vectors = ["avx2", "fma", "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512vbmi2", "avx512vpopcntdq", "avx512vnni"];
        for bit in 0..32 {
            let leaf1: &[&str] = match bit {
                12 => &["fma"],
                23 => &["popcnt"],
                27 | 28 => &vectors,
                _ => &[],
            };
            assert_eq!(lost(1 << bit, 0, 0, 0), leaf1, "leaf 1, bit {bit} of C");
            let b: &[&str] = match bit {
                5 => &["avx2"],
                8 => &["bmi2"],
                16 => &["avx512f"],
                17 => &["avx512dq"],
                30 => &["avx512bw"],
                31 => &["avx512vl"],
                _ => &[],
            };
            assert_eq!(lost(0, 1 << bit, 0, 0), b, "leaf 7, bit {bit} of B");
            let c: &[&str] = match bit {
                6 => &["avx512vbmi2"],
                11 => &["avx512vnni"],
                14 => &["avx512vpopcntdq"],
                _ => &[],
            };
            assert_eq!(lost(0, 0, 1 << bit, 0), c, "leaf 7, bit {bit} of C");
            let saved: &[&str] = match bit {
                1 | 2 => &vectors,
                5..=7 => &vectors[2..],
                _ => &[],
            };
            assert_eq!(lost(0, 0, 0, 1 << bit), saved, "XCR0, bit {bit}");
            // XCR0 cannot be read here.
            let alone = |leaf1, b, c| decode(leaf1, b, c, || panic!("no OSXSAVE and AVX"));
            let given = [alone(1 << bit, 0, 0), alone(0, 1 << bit, 0), alone(0, 0, 1 << bit)];
            let wanted = [if bit == 23 { 1 << 3 } else { 0 }, if bit == 8 { 1 << 2 } else { 0 }, 0];
            assert_eq!(given, wanted, "bit {bit}");
        }
        assert_eq!(decode(1 << 27 | 1 << 28, 0, 0, || u64::MAX), 0);
        assert_eq!(decode(1 << 27 | 1 << 28, u32::MAX, u32::MAX, || 0), 1 << 2, "BMI2 alone");
    }
}
