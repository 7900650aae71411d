//! `subquad completions` and `subquad man`: what the command line says of itself, for shells and for `man`.

use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::Failure;
use crate::args::Cli;

pub fn completions(shell: Shell) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "subquad", &mut text);
    write(&text)
}

pub fn page() -> Result<(), Failure> {
    let mut text = Vec::new();
    let rendered = clap_mangen::Man::new(Cli::command()).render(&mut text);
    rendered.map_err(|error| Failure::Fault(format!("the manual page: {error}")))?;
    write(&text)
}

fn write(text: &[u8]) -> Result<(), Failure> {
    std::io::stdout().write_all(text).map_err(|error| Failure::Fault(format!("standard output: {error}")))
}
