//! The program, driven as a person at a terminal would.
#![cfg(feature = "cli")]

mod deep;
mod runs;
mod tables;
