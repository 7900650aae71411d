//! The transform of f32, one length, known when it is compiled.
#![no_std]
#![no_main]

use subquad::{Level, hadamard};

subquad_embedded::program! { memory: [f32; 1024] = [0.0; 1024]; {
    hadamard::fwht_array(Level::detect(), memory);
    Ok::<(), ()>(())
} }
