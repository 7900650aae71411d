//! No kernel: what start-up and the frame take.
#![no_std]
#![no_main]

subquad_embedded::program! { memory: [f32; 1] = [0.0; 1]; Ok::<f32, ()>(memory[0]) }
