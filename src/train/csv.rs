//! Tables from CSV files, with errors that say where.

mod table;

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use table::{Table, is_missing, list};

use crate::train::TrainError;
use crate::train::coding::{Coding, Truth};
use crate::train::data::{Columns, Dataset, Matrix, Target, Task};

/// Whether the first row of a table holds the names of the columns.
///
/// ```
/// use subquad::train::{Header, TableOptions, read_dataset_from};
///
/// let table = "1,2,a\n3,5,b\n"; // no names
/// let data = read_dataset_from(table.as_bytes(), "inline", &TableOptions { header: Header::Absent, ..TableOptions::default() })?;
/// assert_eq!(data.columns().features, ["c1", "c2"]);
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Header {
    /// Decide by the first row.
    ///
    /// * No cell is a number: it holds names.
    /// * Every cell is a number (or missing): it holds data; the columns are called `c1`, `c2`, ..
    /// * Some are: it holds names if the second row differs from it in which cells are numbers. Otherwise nobody can
    ///   tell, and that is an error; so is a first row `0,1,2,..`, which some programs write for want of names.
    #[default]
    Auto,
    /// It does.
    Present,
    /// It does not; the columns are called `c1`, `c2`, ..
    Absent,
}

/// Choices for [`read_dataset`].
///
/// ```
/// use subquad::train::{TableOptions, read_dataset_from};
///
/// let options = TableOptions { target: Some("y".into()), ..TableOptions::default() };
/// let data = read_dataset_from("x,y,z\n1,2.5,3\n4,5.5,7\n".as_bytes(), "inline", &options)?;
/// assert_eq!((data.target().name(), data.features().row(1)), ("y".into(), &[4.0, 7.0][..]));
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableOptions {
    /// The name of the target's column; `None`: the last one. Several names with commas between them: as many numbers,
    /// to be predicted together.
    pub target: Option<String>,
    /// The kind of target.
    pub task: Task,
    /// Whether there are names.
    pub header: Header,
}

/// Rows for a model: its features, and what the table says about its target.
///
/// ```
/// use subquad::train::{Coding, Header, TableOptions, Truth, read_dataset_from, read_rows_from};
///
/// let data = read_dataset_from("x,kind\n1,cat\n3,dog\n".as_bytes(), "inline", &TableOptions::default())?;
/// let coding = Coding::fit(data.target(), &[0, 1])?;
/// let rows = read_rows_from("kind,x\ndog,7\n,8\n".as_bytes(), "inline", Header::Auto, data.columns(), &coding)?;
/// assert_eq!((rows.features.data(), rows.truth), (&[7.0, 8.0][..], Some(vec![Truth::Class(1), Truth::Missing])));
/// assert_eq!(rows.lines, [2, 3]);
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// The features, in the model's order.
    pub features: Matrix,
    /// The target, if the table has its column.
    pub truth: Option<Vec<Truth>>,
    /// The line of every row.
    pub lines: Vec<u64>,
}

fn open(path: &Path) -> Result<BufReader<File>, TrainError> {
    let failed = |error| TrainError::file(path, "read", error);
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(TrainError::file(path, "read", std::io::Error::new(std::io::ErrorKind::IsADirectory, "it is a directory")));
    }
    Ok(BufReader::with_capacity(1 << 16, file))
}

/// Reads a table to learn from.
///
/// Cells are separated by commas and may be quoted; lines end in LF or CRLF; a byte order mark and empty lines are
/// skipped; spaces around a cell are not part of it. All columns but the target are features.
///
/// # Errors
/// With file, line and column: no such file, an empty file, a header without rows, a row of another length, a missing
/// value, text, NaN or infinity in a feature, two columns of one name, an unknown target, a constant target, a single
/// row.
///
/// ```
/// use subquad::train::{TableOptions, read_dataset};
///
/// # let directory = tempfile::tempdir().unwrap();
/// let path = directory.path().join("table.csv");
/// std::fs::write(&path, "x,kind\n1,cat\n3,dog\n").unwrap();
/// assert_eq!(read_dataset(&path, &TableOptions::default())?.line(1), Some(3));
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
pub fn read_dataset(path: &Path, options: &TableOptions) -> Result<Dataset, TrainError> {
    read_dataset_from(open(path)?, &path.display().to_string(), options)
}

/// [`read_dataset`] from any source of bytes; `source` is its name in messages.
///
/// # Errors
/// As [`read_dataset`].
///
/// ```
/// use subquad::train::{TableOptions, read_dataset_from};
///
/// let data = read_dataset_from("x,y,kind\n1,2,a\n3,4,b\n5,7,a\n".as_bytes(), "inline", &TableOptions::default())?;
/// assert_eq!((data.rows(), data.columns().target.as_str()), (3, "kind"));
///
/// let error = read_dataset_from("x,y,kind\n1,two,a\n".as_bytes(), "inline", &TableOptions::default()).unwrap_err();
/// assert!(error.to_string().starts_with("inline, line 2, column 2 'y': 'two' is text"));
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
pub fn read_dataset_from(input: impl Read, source: &str, options: &TableOptions) -> Result<Dataset, TrainError> {
    let mut table = Table::open(BufReader::new(input), source, options.header, None)?;
    let place = |name: &str| table.names.iter().position(|n| n == name);
    let targets: Vec<usize> = match &options.target {
        None => vec![table.names.len() - 1],
        Some(name) => match place(name) {
            Some(t) => vec![t],
            // No column of that name: several names, perhaps.
            None => name
                .split(',')
                .map(|part| {
                    place(part.trim()).ok_or_else(|| {
                        let hint = if table.named { "" } else { " (the table has no header, so they are numbered)" };
                        let columns = list(table.names.iter());
                        table.error(None, None, format!("there is no column '{}'; the columns are {columns}{hint}", part.trim()))
                    })
                })
                .collect::<Result<_, _>>()?,
        },
    };
    let t = targets[0];
    if let Some(twice) = (1..targets.len()).find(|&k| targets[..k].contains(&targets[k])) {
        return Err(table.error(None, Some(targets[twice]), "this target is named twice"));
    }
    if table.names.len() == 1 {
        let only = &table.names[0];
        let hint = [(';', "semicolons"), ('\t', "tabs")].into_iter().find(|(c, _)| only.contains(*c));
        let hint = hint.map_or(String::new(), |(_, what)| format!("; it seems to be separated by {what}, expected commas"));
        return Err(table.error(Some(table.first_line), None, format!("there is one column only, so no feature{hint}")));
    }
    let is_target: Vec<bool> = (0..table.names.len()).map(|j| targets.contains(&j)).collect();
    let (mut features, mut cells, mut values, mut lines) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    while let Some(mut row) = table.next()? {
        for j in (0..row.cells.len()).filter(|&j| !is_target[j]) {
            features.push(table.feature(&row, j)?);
        }
        for &t in &targets {
            let cell = std::mem::take(&mut row.cells[t]);
            let number = cell.parse::<f64>();
            if is_missing(&cell) {
                return Err(table.error(Some(row.line), Some(t), "the target is missing"));
            }
            if number.as_ref().is_ok_and(|x| !x.is_finite()) {
                return Err(table.error(Some(row.line), Some(t), format!("'{cell}' is not a finite number")));
            }
            match number {
                _ if targets.len() == 1 => cells.push(cell),
                Ok(number) => values.push(number),
                Err(_) => {
                    return Err(table.error(Some(row.line), Some(t), format!("'{cell}' is text; several targets have to be numbers")));
                }
            }
        }
        lines.push(row.line);
    }
    if lines.len() == 1 {
        return Err(table.error(Some(lines[0]), None, "this is the only row of data; training needs at least two"));
    }
    let name = table.names[t].clone();
    let target = if targets.len() == 1 {
        Target::from_text(&name, &cells, options.task).map_err(|(row, problem)| table.error(row.map(|row| lines[row]), Some(t), problem))?
    } else if options.task == Task::Classification {
        return Err(table.error(None, Some(t), "several targets are numbers, not classes"));
    } else {
        let names = targets.iter().map(|&t| table.names[t].clone()).collect();
        Target::values(names, values).map_err(|error| table.error(None, None, error.to_string()))?
    };
    let more_targets = targets[1..].iter().map(|&t| (table.names[t].clone(), t)).collect();
    let named = table.named;
    let names = table.names.into_iter().zip(is_target).filter(|(_, is_target)| !is_target).map(|(name, _)| name).collect();
    let columns = Columns { features: names, target: name, target_position: t, more_targets, named };
    Dataset::with_places(table.source, columns, features, target, lines)
}

/// Reads the rows of a table for a model with these columns and this coding.
///
/// Where both have names, columns are found by name, in any order, and there must be exactly the model's features, with
/// or without its target. Otherwise columns are taken by their places. Cells of the target may be empty.
///
/// # Errors
/// As [`read_dataset`], and when the columns do not fit: which are missing, which are too many.
///
/// ```
/// use subquad::train::{Coding, Header, TableOptions, read_dataset_from, read_rows};
///
/// # let directory = tempfile::tempdir().unwrap();
/// let data = read_dataset_from("x,kind\n1,cat\n3,dog\n".as_bytes(), "inline", &TableOptions::default())?;
/// let coding = Coding::fit(data.target(), &[0, 1])?;
/// let path = directory.path().join("new.csv");
/// std::fs::write(&path, "x\n7\n8\n").unwrap(); // without the target
/// assert_eq!(read_rows(&path, Header::Auto, data.columns(), &coding)?.truth, None);
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
pub fn read_rows(path: &Path, header: Header, columns: &Columns, coding: &Coding) -> Result<Rows, TrainError> {
    read_rows_from(open(path)?, &path.display().to_string(), header, columns, coding)
}

/// [`read_rows`] from any source of bytes; `source` is its name in messages.
///
/// # Errors
/// As [`read_rows`].
///
/// ```
/// use subquad::train::{Coding, Header, TableOptions, read_dataset_from, read_rows_from};
///
/// let data = read_dataset_from("x,kind\n1,cat\n3,dog\n".as_bytes(), "inline", &TableOptions::default())?;
/// let coding = Coding::fit(data.target(), &[0, 1])?;
/// assert!(read_rows_from("other\n7\n".as_bytes(), "inline", Header::Present, data.columns(), &coding).is_err());
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
pub fn read_rows_from(input: impl Read, source: &str, header: Header, columns: &Columns, coding: &Coding) -> Result<Rows, TrainError> {
    let mut table = Table::open(BufReader::new(input), source, header, Some(&columns.features))?;
    let (p, found) = (columns.features.len(), table.names.len());
    let all: Vec<(&str, usize)> = std::iter::once((columns.target.as_str(), columns.target_position))
        .chain(columns.more_targets.iter().map(|(name, position)| (name.as_str(), *position)))
        .collect();
    let (places, targets): (Vec<usize>, Vec<usize>) = if table.named && columns.named {
        by_name(&table, columns, &all)?
    } else if found == p {
        ((0..p).collect(), Vec::new())
    } else if found == p + all.len() && all.iter().all(|(_, position)| *position < found) {
        ((0..found).filter(|j| all.iter().all(|(_, t)| t != j)).collect(), all.iter().map(|(_, t)| *t).collect())
    } else {
        let problem =
            format!("the table does not fit the model: expected {p} columns, or {} with the target, found {found}", p + all.len());
        return Err(table.error(Some(table.first_line), None, problem));
    };
    let (mut features, mut truth, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(row) = table.next()? {
        for &j in &places {
            features.push(table.feature(&row, j)?);
        }
        let of_cell = |&t: &usize| match &row.cells[t] {
            cell if is_missing(cell) => Ok(Truth::Missing),
            cell => coding.truth_from_text(cell).map_err(|problem| table.error(Some(row.line), Some(t), problem)),
        };
        let known = targets.iter().map(of_cell).collect::<Result<Vec<Truth>, _>>()?;
        if let [one] = &known[..] {
            truth.push(one.clone());
        } else if !known.is_empty() {
            let numbers = known.iter().filter_map(|truth| if let Truth::Values(x) = truth { x.first().copied() } else { None });
            let numbers: Vec<f64> = numbers.collect();
            truth.push(if numbers.len() == known.len() { Truth::Values(numbers) } else { Truth::Missing });
        }
        lines.push(row.line);
    }
    Ok(Rows { features: Matrix::new(features, lines.len(), p)?, truth: if targets.is_empty() { None } else { Some(truth) }, lines })
}

/// The places of a model's features and of its target in a table.
fn by_name<R: Read>(table: &Table<R>, columns: &Columns, targets: &[(&str, usize)]) -> Result<(Vec<usize>, Vec<usize>), TrainError> {
    let place: HashMap<&str, usize> = table.names.iter().enumerate().map(|(j, name)| (name.as_str(), j)).collect();
    let places: Vec<usize> = columns.features.iter().filter_map(|name| place.get(name.as_str()).copied()).collect();
    let known: HashSet<&str> = columns.features.iter().map(String::as_str).chain(targets.iter().map(|(name, _)| *name)).collect();
    let missing: Vec<&String> = columns.features.iter().filter(|name| !place.contains_key(name.as_str())).collect();
    let extra: Vec<&String> = table.names.iter().filter(|name| !known.contains(name.as_str())).collect();
    if missing.is_empty() && extra.is_empty() {
        let found: Vec<usize> = targets.iter().filter_map(|(name, _)| place.get(name).copied()).collect();
        // The truth is known where all of it is.
        return Ok((places, if found.len() == targets.len() { found } else { Vec::new() }));
    }
    let mut problem = String::from("the table does not fit the model:");
    if !missing.is_empty() {
        problem += &format!(" it lacks {}", list(missing.iter().copied()));
    }
    if !extra.is_empty() {
        problem += &format!("{} the model does not know {}", if missing.is_empty() { "" } else { ";" }, list(extra.iter().copied()));
    }
    Err(table.error(Some(table.first_line), None, problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Dataset, TrainError> {
        read_dataset_from(text.as_bytes(), "t.csv", &TableOptions::default())
    }

    fn refused(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn a_plain_table() {
        let data = read("a,b,t\n1,2,x\n3,4.5,y\n-5e-1,+6,x\n").unwrap();
        assert_eq!(data.columns().features, ["a", "b"]);
        assert_eq!(data.features().data(), &[1.0, 2.0, 3.0, 4.5, -0.5, 6.0]);
        assert_eq!(data.target(), &Target::classes("t", vec!["x".into(), "y".into()], vec![0, 1, 0]).unwrap());
        assert_eq!((data.line(0), data.line(2), data.line(3)), (Some(2), Some(4), None));
    }

    #[test]
    fn ways_of_writing_the_same_table() {
        let plain = read("a,b,t\n1,2,x\n3,4,y\n").unwrap();
        for text in [
            "\u{feff}a,b,t\n1,2,x\n3,4,y\n",
            "a,b,t\r\n1,2,x\r\n3,4,y\r\n",
            "a,b,t\n1,2,x\n3,4,y",
            "\"a\",\"b\",\"t\"\n\"1\",\"2\",\"x\"\n3,4,y\n",
            " a , b , t\n 1 , 2 , x \n3,\t4,y\n",
            "\u{feff}\"a\",b,t\r\n1,2,x\r\n3,4,y",
            "a,b,t\r1,2,x\r3,4,y\r",
        ] {
            assert_eq!(read(text).unwrap(), plain, "{text:?}");
        }
        let named = read("\"a, or \"\"b\"\"\",t\n1,\"x\ny\"\n2,z\n3,z\n").unwrap();
        assert_eq!(named.columns().features, ["a, or \"b\""]);
        assert_eq!(named.line(1), Some(4), "a quoted line end counts");
    }

    #[test]
    fn lines_are_right_after_blank_ones() {
        let blank = read("\n\na,t\n\n1,x\n\n\n2,y\n").unwrap();
        assert_eq!((blank.line(0), blank.line(1)), (Some(5), Some(8)));
        let blank = read("a,t\r\n\r\n1,x\r\n\r\n2,y\r\n").unwrap();
        assert_eq!((blank.line(0), blank.line(1)), (Some(3), Some(5)));
        assert!(refused("a,t\n\n\n1,x\n2,y\n\n3,z,4").contains("line 7"));
    }

    #[test]
    fn a_first_row_of_numbers_is_data() {
        let data = read("5,2,1\n3,4,0\n3,5,0\n").unwrap();
        assert_eq!((data.rows(), data.columns().named), (3, false));
        assert_eq!(data.columns().features, ["c1", "c2"]);
        assert_eq!(data.columns().target, "c3");
        // Some cells are numbers: the second row tells.
        assert!(read("1990,1991,t\n3,4,0\n5,6,1\n").unwrap().columns().named);
        let error = refused("5.1,3.5,setosa\n4.9,3.0,virginica\n");
        assert!(error.starts_with("t.csv, line 1: the first row may hold names or data"), "{error}");
        assert!(refused("0,1,2\n5,6,1\n5,7,0\n").contains("counts 0, 1, 2"));
        let with = |header| {
            read_dataset_from(
                "5.1,3.5,setosa\n4.9,3,virginica\n1,1,setosa".as_bytes(),
                "t.csv",
                &TableOptions { header, ..Default::default() },
            )
        };
        assert_eq!(with(Header::Absent).unwrap().rows(), 3);
        assert_eq!(with(Header::Present).unwrap().rows(), 2);
    }

    #[test]
    fn targets_by_name() {
        let with = |target: &str| {
            let options = TableOptions { target: Some(target.into()), ..Default::default() };
            read_dataset_from("a,b,t\n1,2,3\n3,4,5\n".as_bytes(), "t.csv", &options)
        };
        let data = with("a").unwrap();
        assert_eq!(data.columns().features, ["b", "t"]);
        assert_eq!((data.columns().target_position, data.features().data()), (0, &[2.0, 3.0, 4.0, 5.0][..]));
        assert_eq!(with("z").unwrap_err().to_string(), "t.csv: there is no column 'z'; the columns are 'a', 'b', 't'");
    }

    #[test]
    fn faults_are_named_with_their_place() {
        for (text, expected) in [
            ("", "t.csv: the file is empty"),
            ("\n\n", "t.csv: the file is empty"),
            ("\u{feff}", "t.csv: the file is empty"),
            ("a,b,t\n", "t.csv, line 1: there is a header, but no row of data below it"),
            ("a,b,t\n1,2,x\n", "t.csv, line 2: this is the only row"),
            ("a,b,t\n1,2,x\n1,2\n", "t.csv, line 3: expected 3 columns as in line 1, found 2"),
            ("a,b,t\n1,2,x\n1,2,3,4\n", "t.csv, line 3: expected 3 columns as in line 1, found 4"),
            ("a,b,t\n1,2,x\n1,nan,y\n", "t.csv, line 3, column 2 'b': NaN"),
            ("a,b,t\n1,2,x\n-inf,2,y\n", "t.csv, line 3, column 1 'a': '-inf' is not a finite number"),
            ("a,b,t\n1,2,x\n1,1e39,y\n", "t.csv, line 3, column 2 'b': '1e39' is too large"),
            ("a,b,t\n1,2,x\n1,,y\n", "t.csv, line 3, column 2 'b': the value is missing"),
            ("a,b,t\n1,2,x\n1,N/A,y\n", "t.csv, line 3, column 2 'b': the value is missing"),
            ("a,b,t\n1,2,x\n1,red,y\n", "t.csv, line 3, column 2 'b': 'red' is text"),
            ("a,b,t\n1,2,x\n1,2,\n", "t.csv, line 3, column 3 't': the target is missing"),
            ("a,b,t\n1,2,1.5\n1,2,inf\n", "t.csv, line 3, column 3 't': 'inf' is not a finite number"),
            ("a,b,t\n1,2,x\n1,3,x\n", "t.csv, column 3 't': target 't' is constant: all 2 rows have the label 'x'"),
            ("a,b,t\n1,2,2.5\n1,3,2.5\n", "t.csv, column 3 't': target 't' is constant: all 2 rows have the value 2.5"),
            ("a,b,t\n1,2,2.5\n1,3,oops\n1,3,3.5\n", "t.csv, line 3, column 3 't': 'oops' is text"),
            ("a,b,a\n1,2,x\n", "t.csv, line 1, column 3 'a': column 1 has the same name"),
            (",b,t\n1,2,x\n", "t.csv, line 1, column 1 '': this column has no name"),
            ("t\nx\ny\n", "t.csv, line 1: there is one column only"),
            ("a;b;t\n1;2;3\n", "t.csv, line 1: there is one column only, so no feature; it seems to be separated by semicolons"),
        ] {
            let error = refused(text);
            assert!(error.starts_with(expected), "{text:?}: {error}");
        }
        let bytes = |bytes: &[u8]| read_dataset_from(bytes, "t.csv", &TableOptions::default()).unwrap_err().to_string();
        assert!(bytes(b"\xff\xfea\0,\0").contains("UTF-16"));
        assert!(bytes(b"PK\x03\x04\0\0").contains("not a text file"));
        assert_eq!(bytes(b"a,t\n1,x\n2,\xe9\n"), "t.csv, line 3, column 2 't': not UTF-8 text");
        assert!(read_dataset(Path::new("/no/such.csv"), &TableOptions::default()).unwrap_err().to_string().contains("no such file"));
        assert!(read_dataset(Path::new("/"), &TableOptions::default()).unwrap_err().to_string().contains("directory"));
    }

    #[test]
    fn rows_for_a_model() {
        let data = read("a,b,t\n1,2,x\n3,4,y\n").unwrap();
        let coding = Coding::fit(data.target(), &[0, 1]).unwrap();
        let rows = |text: &str| read_rows_from(text.as_bytes(), "p.csv", Header::Auto, data.columns(), &coding);
        let refused = |text: &str| rows(text).unwrap_err().to_string();
        let found = rows("t,b,a\ny,1,2\n,3,4\nz,5,6\n").unwrap();
        assert_eq!(found.features.data(), &[2.0, 1.0, 4.0, 3.0, 6.0, 5.0]);
        assert_eq!(found.truth.unwrap(), [Truth::Class(1), Truth::Missing, Truth::UnknownClass("z".into())]);
        assert_eq!(rows("b,a\n1,2\n").unwrap().truth, None);
        assert_eq!(rows("7,8\n").unwrap().features.data(), &[7.0, 8.0]);
        assert_eq!(rows("7,8,1\n").unwrap().features.data(), &[7.0, 8.0]);
        assert_eq!(refused("a,t\n1,x\n"), "p.csv, line 1: the table does not fit the model: it lacks 'b'");
        assert_eq!(refused("a,b,id\n1,2,3\n"), "p.csv, line 1: the table does not fit the model: the model does not know 'id'");
        assert_eq!(refused("A,b\n1,2\n"), "p.csv, line 1: the table does not fit the model: it lacks 'a'; the model does not know 'A'");
        assert!(refused("1\n").contains("expected 2 columns, or 3 with the target, found 1"));
        assert!(refused("a,b\n1,x\n").starts_with("p.csv, line 2, column 2 'b'"));
        assert!(refused("a,b\n").contains("no row of data"));
        // The target in front, no names: told by the place.
        let options = TableOptions { target: Some("c1".into()), ..Default::default() };
        let data = read_dataset_from("9,1,2\n8,3,4\n".as_bytes(), "t.csv", &options).unwrap();
        let coding = Coding::fit(data.target(), &[0, 1]).unwrap();
        let rows = |text: &str| read_rows_from(text.as_bytes(), "p.csv", Header::Auto, data.columns(), &coding).unwrap();
        assert_eq!(rows("9,1,2\n").features.data(), &[1.0, 2.0]);
        assert_eq!(rows("9,1,2\n").truth.unwrap(), [Truth::Class(1)]);
        assert_eq!(rows("1,2\n").truth, None);
        assert_eq!(rows("p,q\n1,2\n").features.data(), &[1.0, 2.0]);
    }
}
