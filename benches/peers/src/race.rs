//! Functions that take turns, and their times.

use std::time::{Duration, Instant};

use subquad::random;

/// Seconds that this thread has had a processor: what others do on it in the meantime does not count.
fn processor_seconds() -> f64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to the struct it is handed.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut now) };
    now.tv_sec as f64 + 1e-9 * now.tv_nsec as f64
}

fn once(run: &mut dyn FnMut(), times: u32) -> f64 {
    let start = processor_seconds();
    for _ in 0..times {
        run();
    }
    (processor_seconds() - start) / f64::from(times)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// A name and what it does; the first is ours.
pub type Runner<'a> = (&'a str, &'a mut dyn FnMut());

/// Lets all take turns for a while, and prints a row for each of the peers: the medians, and the median of the rounds' ratios.
pub fn race(group: &str, case: &str, all: &mut [Runner<'_>]) {
    // Short work is repeated until the clock sees it.
    let times: Vec<u32> = all
        .iter_mut()
        .map(|(_, run)| {
            run();
            let seconds = once(run, 1).min(once(run, 1)).max(1e-9);
            (100e-6 / seconds).clamp(1.0, 1e5) as u32
        })
        .collect();
    let mut rounds: Vec<Vec<f64>> = vec![vec![]; all.len()];
    let begun = Instant::now();
    while rounds[0].len() < 7 || (begun.elapsed() < Duration::from_millis(1200) && rounds[0].len() < 200) {
        for (((_, run), times), rounds) in all.iter_mut().zip(&times).zip(&mut rounds) {
            rounds.push(once(run, *times));
        }
    }
    let ours = median(rounds[0].clone());
    for ((peer, _), theirs) in all.iter().zip(&rounds).skip(1) {
        let ratio = median(theirs.iter().zip(&rounds[0]).map(|(theirs, ours)| theirs / ours).collect());
        println!(
            "{{\"group\":\"{group}\",\"case\":\"{case}\",\"peer\":\"{peer}\",\"ours_ms\":{:.6},\"peer_ms\":{:.6},\"ratio\":{ratio:.3}}}",
            1e3 * ours,
            1e3 * median(theirs.clone())
        );
    }
}

pub fn gaussian(n: usize, stream: u32) -> Vec<f32> {
    let mut x = vec![0.0; n];
    random::gaussian(&mut random::stream(1, stream), &mut x);
    x
}

pub fn unit(mut x: Vec<f32>, d: usize) -> Vec<f32> {
    for row in x.chunks_mut(d) {
        let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.iter_mut().for_each(|x| *x /= norm);
    }
    x
}

/// The distance between two results, over the length of the second.
#[track_caller]
pub fn close(a: &[f32], b: &[f32], share: f64) {
    assert_eq!(a.len(), b.len());
    let norm = |x: &mut dyn Iterator<Item = f32>| x.map(|x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    let (off, size) = (norm(&mut a.iter().zip(b).map(|(a, b)| a - b)), norm(&mut b.iter().copied()));
    assert!(off <= share * size, "off by {off} of {size}");
}
