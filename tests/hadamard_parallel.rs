//! Threads compute the bits of one.
#![cfg(feature = "parallel")]

use subquad::hadamard::{Order, Signs, Transform};
use subquad::{Level, MatMut};

fn numbers(n: usize) -> Vec<f32> {
    (0..n as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / 3.0 - 1e6).collect()
}

#[test]
fn large_transforms() {
    for n in [1usize, 64, 1 << 15, 1 << 17, 1 << 18, 12 << 14, 28 << 15, 20 << 17, 1 << 21] {
        let x = numbers(n);
        let orders: &[Order] = if n.is_power_of_two() { &[Order::Natural, Order::Sequency] } else { &[Order::Natural] };
        for &order in orders {
            for level in Level::available() {
                let job = Transform::new().signs(Signs::Seed(5)).scaled(0.3).order(order);
                let (mut one, mut many) = (x.clone(), x.clone());
                job.run(level, &mut one).unwrap();
                job.run_parallel(level, &mut many).unwrap();
                assert!(one.iter().zip(&many).all(|(a, b)| a.to_bits() == b.to_bits()), "{level}, {n}, {order:?}");
            }
        }
    }
    assert!(Transform::<f32>::new().run_parallel(Level::detect(), &mut [0.0; 3]).is_err());
}

#[test]
fn batches() {
    for (rows, n, gap) in [(0, 8, 0), (1, 8, 0), (1000, 128, 0), (37, 1024, 5), (5, 1 << 16, 0), (400, 768, 1)] {
        let stride = n + gap;
        let x = numbers(rows * stride);
        for order in [Order::Natural, Order::Dyadic] {
            let order = if n.is_power_of_two() { order } else { Order::Natural };
            for level in Level::available() {
                let job = Transform::new().signs(Signs::Seed(5)).scaled(0.3).order(order);
                let (mut one, mut many) = (x.clone(), x.clone());
                job.rows(level, MatMut::with_stride(&mut one, rows, n, stride).unwrap()).unwrap();
                job.rows_parallel(level, MatMut::with_stride(&mut many, rows, n, stride).unwrap()).unwrap();
                assert!(one.iter().zip(&many).all(|(a, b)| a.to_bits() == b.to_bits()), "{level}, {rows} x {n}, {order:?}");
            }
        }
    }
}

#[test]
fn columns() {
    for (n, width, gap) in
        [(1, 100_000, 0), (8, 0, 3), (8, 1, 0), (1024, 300, 0), (4096, 65, 7), (768, 1000, 1), (12, 30_000, 0), (1 << 16, 3, 2)]
    {
        let stride = width + gap;
        let x = numbers(n * stride);
        for order in [Order::Natural, Order::Sequency] {
            let order = if n.is_power_of_two() { order } else { Order::Natural };
            for level in Level::available() {
                let job = Transform::new().signs(Signs::Seed(5)).scaled(0.3).order(order);
                let (mut one, mut many) = (x.clone(), x.clone());
                job.columns(level, MatMut::with_stride(&mut one, n, width, stride).unwrap()).unwrap();
                job.columns_parallel(level, MatMut::with_stride(&mut many, n, width, stride).unwrap()).unwrap();
                assert!(one.iter().zip(&many).all(|(a, b)| a.to_bits() == b.to_bits()), "{level}, {n} x {width}, {order:?}");
            }
        }
    }
    let mut x = [0.0f32; 6];
    assert!(Transform::new().columns_parallel(Level::detect(), MatMut::new(&mut x, 3, 2).unwrap()).is_err());
}
