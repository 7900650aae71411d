//! The transform of f32, any length.
#![no_std]
#![no_main]

use core::hint::black_box;
use subquad::{Level, hadamard};

subquad_embedded::program! { memory: [f32; 1024] = [0.0; 1024];
    hadamard::fwht(Level::detect(), memory.get_mut(..black_box(1024)).unwrap_or_default())
}
