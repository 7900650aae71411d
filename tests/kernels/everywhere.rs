//! The cases that microcontrollers and wasm run, here: at every level of this machine, against the scalar one.

#[path = "../everywhere/cases.rs"]
mod cases;
#[path = "../everywhere/host.rs"]
mod host;

use subquad::Level;

#[test]
fn every_level_finds_the_same() {
    let built = host::build();
    let scalar = Level::available().last().unwrap();
    let wanted = host::outcomes(scalar, built.indexes());
    for level in Level::available() {
        let found = host::outcomes(level, built.indexes());
        for (((name, exact, _), found), wanted) in cases::CASES.iter().zip(&found).zip(&wanted) {
            assert!(
                if *exact { found.bits == wanted.bits } else { found.is_close(wanted) },
                "{name} at {level}: {found:?} is not {wanted:?}"
            );
            // As the programs for other machines say it, for the table of `tests/everywhere.sh`.
            println!("case|{name}|{level}|{}|", if found.bits == wanted.bits { "same bits" } else { "close" });
        }
    }
}

/// One case of one level, many times: `tests/everywhere/count.py` counts its instructions under an emulator.
#[test]
#[ignore = "for instruction counts; wants CASE, LEVEL and TIMES"]
fn one_case() {
    let asked = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    let (case, level, times) = (asked("CASE"), asked("LEVEL").parse::<Level>().unwrap(), asked("TIMES").parse::<u32>().unwrap());
    let built = host::build();
    let mut memory = Box::new(cases::Memory::new());
    cases::prepare(&mut memory);
    let (_, _, run) = cases::CASES.iter().find(|(name, ..)| *name == case).expect("a case of that name");
    for _ in 0..times {
        run(level, &mut memory, built.indexes()).unwrap();
    }
}
