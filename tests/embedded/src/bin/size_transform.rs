//! The transform of i16 with signs and orders, along rows and columns.
#![no_std]
#![no_main]

use core::hint::black_box;
use subquad::hadamard::{Order, Signs, Transform};
use subquad::{Error, Level, MatMut};

const ROWS: usize = 8;
const COLS: usize = 64;

subquad_embedded::program! { memory: [i16; ROWS * COLS] = [0; ROWS * COLS]; run(memory) }

fn run(memory: &mut [i16]) -> Result<(), Error> {
    let (rows, cols, seed, order) = black_box((ROWS, COLS, 7, Order::Sequency));
    let transform = Transform::new().signs(Signs::Seed(seed)).order(order);
    transform.rows(Level::detect(), MatMut::new(memory, rows, cols)?)?;
    transform.columns(Level::detect(), MatMut::new(memory, rows, cols)?)
}
