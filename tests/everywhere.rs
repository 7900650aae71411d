//! The cases that microcontrollers and wasm run, here: at every level of this machine, against the scalar one.
#![cfg(feature = "std")]

#[path = "everywhere/cases.rs"]
mod cases;
#[path = "everywhere/host.rs"]
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
        }
    }
}
