//! No kernel, and a panic that may happen: the search for panic code must find it here.
#![no_std]
#![no_main]

use core::hint::black_box;

subquad_embedded::program! { memory: [f32; 4] = [0.0; 4]; Ok::<f32, ()>(memory[black_box(4)]) }
