//! A table, record by record: its header, its cells, and the line that each stands in.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, Chain, Cursor, Read};
use std::path::Path;

use ::csv::{ByteRecord, Reader, ReaderBuilder};

use super::Header;
use crate::train::TrainError;

/// What people write where there is no value.
pub(super) fn is_missing(cell: &str) -> bool {
    cell.is_empty() || ["?", "na", "n/a", "null", "none"].iter().any(|word| cell.eq_ignore_ascii_case(word))
}

fn is_number(cell: &str) -> bool {
    cell.parse::<f64>().is_ok()
}

/// A few names for a message.
pub(super) fn list<'a>(names: impl Iterator<Item = &'a String>) -> String {
    const MOST: usize = 8;
    let names: Vec<&String> = names.collect();
    let mut text: Vec<String> = names.iter().take(MOST).map(|name| format!("'{name}'")).collect();
    if names.len() > MOST {
        text.push(format!("and {} more", names.len() - MOST));
    }
    text.join(", ")
}

/// One row: its line and its trimmed cells.
pub(super) struct Row {
    pub(super) line: u64,
    pub(super) cells: Vec<String>,
}

/// Bytes on their way to the reader of records, with the line ends among them: its own line numbers are those of the
/// blank lines before a row, or of a carriage return's line feed.
struct Lines<R> {
    input: R,
    /// Bytes that have gone by.
    read: u64,
    /// Carriage returns and line feeds that have not been counted yet, and where they stood.
    ends: VecDeque<(u64, u8)>,
    /// The line that is reached.
    line: u64,
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let len = self.input.read(to)?;
        let ends = to[..len].iter().enumerate().filter(|(_, byte)| matches!(byte, b'\r' | b'\n'));
        self.ends.extend(ends.map(|(at, &byte)| (self.read + at as u64, byte)));
        self.read += len as u64;
        Ok(len)
    }
}

impl<R> Lines<R> {
    /// The line of the record that starts at this byte or after the blank lines there.
    fn of(&mut self, start: u64) -> u64 {
        let mut at = start;
        while let Some(&(place, byte)) = self.ends.front()
            && place <= at
        {
            if place == at {
                at += 1;
            }
            self.ends.pop_front();
            // A carriage return ends a line by itself, unless a line feed follows.
            self.line += u64::from(byte == b'\n' || self.ends.front() != Some(&(place + 1, b'\n')));
        }
        self.line
    }
}

/// A table that is read row by row: only what is asked for is kept.
pub(super) struct Table<R> {
    pub(super) source: String,
    reader: Reader<Lines<Chain<Cursor<Vec<u8>>, R>>>,
    /// Rows that were read ahead to find out about the header.
    ahead: VecDeque<Row>,
    pub(super) names: Vec<String>,
    pub(super) named: bool,
    /// The line that says how many columns there are.
    pub(super) first_line: u64,
}

impl<R: Read> Table<R> {
    pub(super) fn error(&self, line: Option<u64>, column: Option<usize>, problem: impl Into<String>) -> TrainError {
        let column = column.map(|j| (j + 1, self.names.get(j).cloned().unwrap_or_default()));
        TrainError::Table { source: self.source.clone(), line, column, problem: problem.into() }
    }

    pub(super) fn open(mut input: R, source: &str, header: Header, expected: Option<&[String]>) -> Result<Self, TrainError>
    where
        R: BufRead,
    {
        let start = input.fill_buf().map_err(|error| TrainError::file(Path::new(source), "read", error))?;
        let utf16 = start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]);
        let binary = start.iter().take(1024).any(|byte| *byte == 0);
        // A byte order mark has to come to the reader in one piece.
        let mut text = Vec::new();
        input
            .by_ref()
            .take(if utf16 || binary { 0 } else { 8 })
            .read_to_end(&mut text)
            .map_err(|error| TrainError::file(Path::new(source), "read", error))?;
        let lines = Lines { input: Cursor::new(text).chain(input), read: 0, ends: VecDeque::new(), line: 1 };
        let reader = ReaderBuilder::new().has_headers(false).flexible(true).buffer_capacity(1 << 16).from_reader(lines);
        let mut this = Self { source: source.into(), reader, ahead: VecDeque::new(), names: vec![], named: false, first_line: 1 };
        if utf16 || binary {
            let what = if utf16 { "UTF-16 text; save it as UTF-8" } else { "not a text file" };
            return Err(this.error(None, None, what));
        }
        let Some(first) = this.read()? else {
            return Err(this.error(None, None, "the file is empty"));
        };
        let second = this.read()?;
        this.first_line = first.line;
        this.named = match header {
            Header::Present => true,
            Header::Absent => false,
            Header::Auto if expected.is_some_and(|names| names.iter().all(|name| first.cells.contains(name))) => true,
            Header::Auto => holds_names(&first.cells, second.as_ref().map(|row| &row.cells[..]))
                .map_err(|problem| this.error(Some(first.line), None, problem))?,
        };
        this.ahead.extend(second);
        if !this.named {
            this.names = (1..=first.cells.len()).map(|j| format!("c{j}")).collect();
            this.ahead.push_front(first);
            return Ok(this);
        }
        this.names = first.cells;
        let mut place: HashMap<&str, usize> = HashMap::new();
        for (j, name) in this.names.iter().enumerate() {
            if name.is_empty() {
                return Err(this.error(Some(first.line), Some(j), "this column has no name in the header"));
            }
            if let Some(before) = place.insert(name, j) {
                return Err(this.error(Some(first.line), Some(j), format!("column {} has the same name", before + 1)));
            }
        }
        if this.ahead.is_empty() {
            return Err(this.error(Some(first.line), None, "there is a header, but no row of data below it"));
        }
        Ok(this)
    }

    /// The next record, whatever its length.
    fn read(&mut self) -> Result<Option<Row>, TrainError> {
        let mut record = ByteRecord::new();
        match self.reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) => {
                return Err(match error.into_kind() {
                    ::csv::ErrorKind::Io(error) => TrainError::file(Path::new(&self.source), "read", error),
                    // Bytes of any kind and number make a record.
                    _ => self.error(None, None, "not a table"),
                });
            }
        }
        let line = self.reader.get_mut().of(record.position().map_or(0, |position| position.byte()));
        let mut cells = Vec::with_capacity(record.len());
        for (j, cell) in record.iter().enumerate() {
            match std::str::from_utf8(cell) {
                Ok(cell) => cells.push(cell.trim().to_string()),
                Err(_) => return Err(self.error(Some(line), Some(j), "not UTF-8 text")),
            }
        }
        Ok(Some(Row { line, cells }))
    }

    /// The next row of data, of the right length.
    pub(super) fn next(&mut self) -> Result<Option<Row>, TrainError> {
        let row = match self.ahead.pop_front() {
            Some(row) => row,
            None => match self.read()? {
                Some(row) => row,
                None => return Ok(None),
            },
        };
        let (expected, found) = (self.names.len(), row.cells.len());
        if expected != found {
            let problem = format!("expected {expected} columns as in line {}, found {found}", self.first_line);
            return Err(self.error(Some(row.line), None, problem));
        }
        Ok(Some(row))
    }

    pub(super) fn feature(&self, row: &Row, j: usize) -> Result<f32, TrainError> {
        let cell = &row.cells[j];
        let problem = match cell.parse::<f64>() {
            Ok(x) if (x as f32).is_finite() => return Ok(x as f32),
            Ok(x) if x.is_nan() => "NaN is not a number to learn from".into(),
            Ok(x) if x.is_infinite() => format!("'{cell}' is not a finite number"),
            Ok(_) => format!("'{cell}' is too large for single precision"),
            Err(_) if is_missing(cell) => "the value is missing".into(),
            Err(_) => format!("'{cell}' is text; features have to be numbers (encode the column, or leave it out)"),
        };
        Err(self.error(Some(row.line), Some(j), problem))
    }
}

/// [`Header::Auto`]: whether the first row holds names.
fn holds_names(first: &[String], second: Option<&[String]>) -> Result<bool, String> {
    const HELP: &str = "say which with the header option";
    let numbers = first.iter().filter(|cell| is_number(cell)).count();
    if numbers == 0 {
        return Ok(true);
    }
    if first.iter().all(|cell| is_number(cell) || is_missing(cell)) {
        if first.len() > 2 && first.iter().enumerate().all(|(j, cell)| *cell == j.to_string()) {
            return Err(format!("the first row counts 0, 1, 2, ..: it may be data, or stand for names; {HELP}"));
        }
        return Ok(false);
    }
    let pattern = |cells: &[String]| cells.iter().map(|cell| is_number(cell)).collect::<Vec<_>>();
    if second.is_some_and(|second| pattern(second) == pattern(first)) {
        let text = first.iter().find(|cell| !is_number(cell)).map_or("", |cell| cell);
        return Err(format!("the first row may hold names or data: {numbers} of its cells are numbers, '{text}' is not; {HELP}"));
    }
    Ok(true)
}
