//! The public functions of the kernels, read from their sources, for tests that no function may be left out of.

use std::path::{Path, PathBuf};

/// A public function, or a method of a public trait.
#[derive(Debug)]
pub struct Function {
    /// The type or the trait that it belongs to; of a function that stands alone, its room and its room's room.
    owners: Vec<String>,
    name: String,
    /// From its name to its body.
    pub signature: String,
}

/// All of them but the trainers', the C face's, those of several threads, and the instruction sets themselves. Functions that are
/// `const` could be computed by the compiler: they are not in the list.
pub fn functions() -> Vec<Function> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let ends_with = |ends: &[&str]| ends.iter().any(|end| path.ends_with(end));
            if path.is_dir() {
                if !ends_with(&["train", "capi", "bin", "simd"]) {
                    folders.push(path);
                }
            // The last three are private rooms, whatever their functions say of themselves.
            } else if !ends_with(&[
                "train.rs",
                "capi.rs",
                "simd.rs",
                "float.rs",
                "hadamard/parallel.rs",
                "halfspace/bytes.rs",
                "halfspace/values.rs",
                "sketch/transform.rs",
            ]) {
                of_file(&path, &mut found);
            }
        }
    }
    assert!(found.len() > 150, "sources that are read otherwise: {found:#?}");
    found
}

fn of_file(path: &Path, found: &mut Vec<Function>) {
    let text = std::fs::read_to_string(path).unwrap();
    let room = |path: &Path| path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_string();
    let rooms = vec![room(path), path.parent().map(room).unwrap_or_default()];
    // The block that a line is in: whose it is, and how its public functions begin.
    let mut block: Option<(String, &str)> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if let Some(rest) = line.strip_prefix("impl") {
            block = Some((owner(rest), "    pub fn "));
        } else if let Some(rest) = line.strip_prefix("pub trait ") {
            block = Some((owner(rest), "    fn "));
        } else if line.starts_with('}') {
            block = None;
        }
        let (owners, begins) = match &block {
            Some((owner, begins)) => (vec![owner.clone()], *begins),
            None => (rooms.clone(), "pub fn "),
        };
        // A type of the half-space room's own, for rotations.
        if line.starts_with(begins) && owners != ["Turn"] {
            let signature = &text[at + begins.len()..];
            let signature = &signature[..signature.find(['{', ';']).unwrap_or(signature.len())];
            let name = signature.split(['(', '<']).next().unwrap_or_default().to_string();
            found.push(Function { owners, name, signature: signature.to_string() });
        }
        at += line.len();
    }
}

/// The type of a line `<..> Type<..> {`.
fn owner(line: &str) -> String {
    let mut depth = 0;
    let start = line.find(|c: char| {
        depth += i32::from(c == '<') - i32::from(c == '>');
        depth == 0 && c != '>' && !c.is_whitespace()
    });
    let name = line.get(start.unwrap_or(line.len())..).unwrap_or_default();
    name.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_string()
}

/// Those of the wanted ones that a test does not call. Of a name that several types or rooms have, each is called by its full name, as
/// `gram::gram(`, `Srht::new(` or `Packed::<_, T>::build(`; what a macro `reporter!` calls for `$Index`, it calls for each type that it is
/// written for.
pub fn missing(functions: &[Function], test: &str, wanted: impl Fn(&Function) -> bool) -> Vec<String> {
    let types = test.split("    reporter!(").skip(1).filter_map(|call| call.split([',', ')']).next());
    let test = types.fold(test.to_string(), |all, of| all + &test.replace("$Index", of));
    let calls = |name: &str, ends: &str| {
        test.match_indices(name).any(|(at, _)| {
            let before = test[..at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || c == '_') && test[at + name.len()..].starts_with(ends)
        })
    };
    let is_called = |function: &&Function| {
        let name = &function.name;
        let alone = functions.iter().filter(|other| other.name == *name).count() == 1;
        let full = |owner: &String| {
            let generic = test.match_indices(&format!("{owner}::<")).any(|(at, _)| {
                test[at..].split_once(">::").is_some_and(|(front, call)| !front.contains('(') && call.starts_with(&format!("{name}(")))
            });
            generic || ["(", "::<"].iter().any(|end| calls(&format!("{owner}::{name}"), end))
        };
        alone && ["(", "::<"].iter().any(|end| calls(name, end)) || function.owners.iter().any(full)
    };
    functions
        .iter()
        .filter(|&function| wanted(function))
        .filter(|function| !is_called(function))
        .map(|f| format!("{}::{}", f.owners.join("|"), f.name))
        .collect()
}
