//! Nothing is left out: every kernel has a function of C or a reason to have none, every function of C is called by the tests in C,
//! and every one that can refuse is seen to refuse there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const HEADER: &str = include_str!("../../src/capi/subquad.h");
const TESTS: &str = concat!(
    include_str!("../c/test.c"),
    include_str!("../c/solvers.c"),
    include_str!("../c/indices.c"),
    include_str!("../c/layers.c"),
    include_str!("../c/refusals.c"),
    include_str!("../c/test.h"),
);

/// Kernels whose function of C has another name than theirs, or which have none, and why. A name without `::` stands for all of a file's
/// or a type's.
const NAMES: &[(&str, &str)] = &[
    // Solvers.
    ("cg/single::conjugate_gradient_scratch_len", "subquad_cg_scratch_len"),
    ("cg/single::conjugate_gradient", "subquad_cg_f32"),
    ("cg/single::conjugate_gradient_watched", "subquad_cg_rows_f32"),
    ("cg/rows::conjugate_gradient_rows_scratch_len", "subquad_cg_rows_scratch_len_f32"),
    ("cg/rows::conjugate_gradient_rows", "subquad_cg_rows_f32"),
    ("Column", "reports, which the function writes"),
    ("LinearOperator", "a callback"),
    ("Preconditioner", "a callback"),
    ("TallOperator", "two callbacks"),
    ("Jacobi", "a callback that divides"),
    ("SharedCholesky", "a callback that calls subquad_cholesky_solve"),
    ("Sketched", "a callback that calls subquad_cholesky_solve; subquad_fixed_step has it inside"),
    ("Tangents", "a callback that calls subquad_gram_product, subquad_jvp or subquad_vjp"),
    ("Bounds", "a quotient of two numbers"),
    ("sketch/regression::law", "subquad_sketch_law"),
    // Transforms.
    ("hadamard::is_len", "subquad_fwht_is_len"),
    ("hadamard::len_above", "subquad_fwht_len_above"),
    ("hadamard::len_below", "subquad_fwht_len_below"),
    ("hadamard::is_minus", "subquad_fwht_is_minus"),
    ("hadamard::fwht_array", "a length that the compiler knows"),
    ("hadamard::outputs_scratch_len", "subquad_outputs_scratch_len"),
    ("Order::natural", "subquad_order_natural"),
    ("Signs::is_minus", "subquad_seed_is_minus"),
    ("Transform::new", "subquad_transform"),
    ("Transform::signs", "subquad_transform"),
    ("Transform::order", "subquad_transform"),
    ("Transform::scaled", "subquad_transform"),
    ("Transform::orthonormal", "subquad_transform"),
    ("Transform::run", "subquad_transform_rows_f32"),
    ("Transform::run_from", "subquad_transform_rows_from_f32"),
    ("Transform::rows", "subquad_transform_rows_f32"),
    ("Transform::rows_from", "subquad_transform_rows_from_f32"),
    ("Transform::columns", "subquad_transform_columns_f32"),
    ("Transform::outputs", "subquad_transform_outputs_f32"),
    ("Transform::run_parallel", "threads are the caller's"),
    ("Transform::rows_parallel", "threads are the caller's"),
    ("Transform::columns_parallel", "threads are the caller's"),
    // Half-space reporting.
    ("Reporter::neurons", "subquad_index_shape_f32"),
    ("Reporter::dim", "subquad_index_shape_f32"),
    ("Reporter::scratch_len", "subquad_query_scratch_len_f32"),
    ("Reporter::query_batch", "subquad_query_f32"),
    ("Reporter::query", "subquad_query_f32"),
    ("Reporter::verify", "subquad_verify_f32"),
    ("Watcher::neurons", "subquad_max_tree_shape_f32"),
    ("Watcher::dim", "subquad_max_tree_shape_f32"),
    ("Watcher::samples", "subquad_max_tree_shape_f32"),
    ("Watcher::scratch_len", "subquad_max_tree_scratch_len_f32"),
    ("Watcher::query_from", "subquad_max_tree_query_from_f32"),
    ("Watcher::query_batch", "subquad_max_tree_query_f32"),
    ("Watcher::query", "subquad_max_tree_query_from_f32"),
    ("Watcher::verify", "subquad_max_tree_verify_f32"),
    ("Moving::update", "subquad_update_f32"),
    ("Moving::seal", "subquad_seal_f32"),
    ("Packed::storage_len", "subquad_index_len_f32"),
    ("Packed::query_scratch_len", "subquad_query_scratch_len_f32"),
    ("Packed::open", "subquad_index_shape_f32"),
    ("Packed::build", "subquad_build_f32"),
    ("Packed::update", "subquad_update_f32"),
    ("Packed::seal", "subquad_seal_f32"),
    ("Screened::storage_len", "subquad_index_len_f32"),
    ("Screened::query_scratch_len", "subquad_query_scratch_len_f32"),
    ("Screened::open", "subquad_index_shape_f32"),
    ("Screened::query_batch_counting", "subquad_query_counting_f32"),
    ("Screened::build", "subquad_build_f32"),
    ("Screened::update", "subquad_update_f32"),
    ("Screened::seal", "subquad_seal_f32"),
    ("Rotated::storage_len", "subquad_index_len_f32"),
    ("Rotated::query_scratch_len", "subquad_query_scratch_len_f32"),
    ("Rotated::open", "subquad_index_shape_f32"),
    ("Rotated::seed", "subquad_rotated_seed_f32"),
    ("Rotated::query_batch_counting", "subquad_query_counting_f32"),
    ("Rotated::build", "subquad_build_rotated_f32"),
    ("Rotated::update", "subquad_update_f32"),
    ("Rotated::seal", "subquad_seal_f32"),
    ("BallTree::storage_len", "subquad_index_len_f32"),
    ("BallTree::build_scratch_len", "subquad_build_scratch_len_f32"),
    ("BallTree::query_scratch_len", "subquad_query_scratch_len_f32"),
    ("BallTree::open", "subquad_index_shape_f32"),
    ("BallTree::len", "subquad_present_f32"),
    ("BallTree::is_empty", "subquad_present_f32"),
    ("BallTree::seal", "subquad_seal_f32"),
    ("BallTree::build", "subquad_build_f32"),
    ("BallTree::update", "subquad_update_f32"),
    ("Candidates::storage_len", "subquad_candidates_len_f32"),
    ("Candidates::build_scratch_len", "subquad_candidates_scratch_len_f32"),
    ("Candidates::query_scratch_len", "0, as subquad_candidates_query takes none"),
    ("Candidates::open", "subquad_candidates_state_f32"),
    ("Candidates::rho", "subquad_candidates_state_f32"),
    ("Candidates::hot", "subquad_candidates_state_f32"),
    ("Candidates::rebuilds", "subquad_candidates_state_f32"),
    ("Candidates::most_candidates", "subquad_candidates_state_f32"),
    ("Candidates::build", "subquad_candidates_build_f32"),
    ("Candidates::rebuild", "subquad_candidates_rebuild_f32"),
    ("Candidates::update", "subquad_candidates_update_f32"),
    ("Candidates::update_all", "subquad_candidates_update_all_f32"),
    ("Candidates::advance", "subquad_candidates_advance_f32"),
    ("Candidates::seal", "subquad_candidates_seal_f32"),
    ("MaxTree::storage_len", "subquad_max_tree_len_f32"),
    ("MaxTree::build_scratch_len", "subquad_max_tree_scratch_len_f32"),
    ("MaxTree::query_scratch_len", "subquad_max_tree_scratch_len_f32"),
    ("MaxTree::open", "subquad_max_tree_shape_f32"),
    ("MaxTree::build", "subquad_max_tree_build_f32"),
    ("MaxTree::update", "subquad_max_tree_update_f32"),
    ("MaxTree::update_batch", "subquad_max_tree_update_f32"),
    ("MaxTree::replace", "subquad_max_tree_replace_f32"),
    ("MaxTree::seal", "subquad_max_tree_seal_f32"),
    ("Hits", "arrays of the caller's"),
    // Networks.
    ("PatternRef::count", "subquad_pattern_count"),
    ("PatternRef::overlap", "subquad_pattern_overlap"),
    ("PatternRef::flips", "subquad_pattern_flips"),
    ("PatternRef", "words of the caller's"),
    ("PatternMut", "words of the caller's"),
    ("relu/pattern::words_per_sample", "subquad_pattern_len"),
    ("relu/two_layer::forward_scratch_len", "subquad_forward_scratch_len"),
    ("relu/two_layer::forward", "subquad_forward_f32"),
    ("relu/two_layer::gram_product_scratch_len", "subquad_gram_product_scratch_len"),
    ("relu/two_layer::gram_product", "subquad_gram_product_f32"),
    ("relu/fired::group_len", "subquad_fired_group_len"),
    ("relu/fired::groups", "subquad_fired_groups"),
    ("relu/fired::outputs_scratch_len", "subquad_fired_outputs_scratch_len"),
    ("relu/fired::outputs_of_group", "subquad_fired_outputs_f32"),
    ("relu/fired::descend_scratch_len", "subquad_fired_scratch_len"),
    ("relu/fired::descend", "subquad_fired_descend_f32"),
    ("relu/fired::gram_product", "subquad_fired_gram_product_f32"),
    ("relu/fired::values", "subquad_fired_values_f32"),
    ("relu/fired::input_gradient", "subquad_fired_input_gradient_f32"),
    ("FiredRef", "subquad_fired_f32"),
    ("relu/deep/product::gram_product_scratch_len", "subquad_deep_gram_product_scratch_len"),
    ("relu/deep/product::gram_product", "subquad_deep_gram_product_f32"),
    ("relu/deep/backward::backward_panels_scratch_len", "subquad_backward_scratch_len"),
    ("relu/deep/backward::backward_panels", "subquad_backward_f32"),
    ("Weights", "subquad_structured_forward_f32"),
    ("Structured", "subquad_structured_forward_f32"),
    // Sketches and random numbers.
    ("Srht::scratch_len", "subquad_srht_scratch_len"),
    ("Srht::accumulate", "subquad_srht_f32"),
    ("Srht::jacobian_scratch_len", "subquad_srht_jacobian_scratch_len"),
    ("Srht::jacobian", "subquad_srht_jacobian_f32"),
    ("Srht", "arguments of subquad_srht"),
    ("TensorSrht::scratch_len", "subquad_tensor_srht_scratch_len"),
    ("TensorSrht::accumulate", "subquad_tensor_srht_f32"),
    ("TensorSrht::jacobian", "subquad_tensor_srht_jacobian_f32"),
    ("TensorSrht", "arguments of subquad_tensor_srht"),
    ("TensorSketch::scratch_len", "subquad_tensor_sketch_scratch_len"),
    ("TensorSketch::accumulate", "subquad_tensor_sketch_f32"),
    ("TensorSketch::jacobian_scratch_len", "subquad_tensor_sketch_jacobian_scratch_len"),
    ("TensorSketch::jacobian", "subquad_tensor_sketch_jacobian_f32"),
    ("TensorSketch", "arguments of subquad_tensor_sketch"),
    ("random::signs", "subquad_signs_f32"),
    ("random::stream", "the seed and the stream of subquad_gaussian"),
    // Sparse rows and updates.
    ("low_rank::cheapest", "subquad_low_rank_cheapest"),
    ("Update::query_scratch_len", "subquad_low_rank_query_scratch_len_f32"),
    ("Update::query", "subquad_low_rank_query_f32"),
    ("Update::transposed_query_scratch_len", "subquad_low_rank_transposed_scratch_len_f32"),
    ("Update::transposed_query", "subquad_low_rank_transposed_f32"),
    ("Update::fold_sparse", "subquad_low_rank_fold_sparse_f32"),
    ("Update::fold_dense_scratch_len", "subquad_low_rank_fold_dense_scratch_len_f32"),
    ("Update::fold_dense", "subquad_low_rank_fold_dense_f32"),
    ("Update", "subquad_low_rank_f32"),
    ("sparse/overlap::overlap", "subquad_overlap_f32"),
    ("Support", "subquad_support"),
    ("SparseRef", "subquad_sparse_f32"),
    ("Columns", "subquad_columns"),
    ("Panels", "subquad_panels_f32"),
    ("PanelsMut", "subquad_panels_f32"),
    // What is no kernel.
    ("MatRef", "rows and columns are arguments"),
    ("MatMut", "rows and columns are arguments"),
    ("scratch", "sums of lengths, which the lengths' functions make"),
    ("limits", "what a machine can do at most, for benchmarks"),
];

/// Files of the kernels, by their names without `src/` and `.rs`.
fn kernels() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut files) = (vec![root.clone()], BTreeMap::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            let name = path.strip_prefix(&root).unwrap().with_extension("").to_str().unwrap().replace('\\', "/");
            if ["train", "capi", "bin", "simd", "lib", "error", "float"].contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    files
}

fn word(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

/// The type of `impl<..> Type<..> {`; none for a trait's.
fn implemented(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("impl").filter(|_| !line.contains(" for "))?;
    let mut depth = 0;
    let end = rest.find(|c| {
        depth += i32::from(c == '<') - i32::from(c == '>');
        depth == 0 && c != '>'
    });
    Some(word(rest.get(end?..)?.trim_start()))
}

/// Functions that the kernels' rooms offer: those of a file, those of a type, those of a trait.
fn offered() -> BTreeSet<(String, String)> {
    let files = kernels();
    let public = |text: &str, name: &str, kinds: &[&str]| kinds.iter().any(|kind| text.contains(&format!("\npub {kind} {name}")));
    let is_type = |name: &str| files.values().any(|text| public(text, name, &["struct", "enum"]));
    let mut found = BTreeSet::new();
    for (file, text) in &files {
        let mut owner: Option<(&str, bool)> = None;
        for line in text.lines() {
            if line.starts_with("impl") {
                let private = |name: &str| {
                    text.contains(&format!("\nstruct {name}"))
                        || text.contains(&format!(" struct {name}")) && !public(text, name, &["struct"])
                };
                owner = implemented(line).filter(|name| is_type(name) && !private(name)).map(|name| (name, false));
            } else if let Some(name) = line.strip_prefix("pub trait ") {
                owner = Some((word(name), true));
            } else if line == "mod tests {" {
                break;
            }
            let line = line.replace("const fn", "fn");
            if let Some(name) = line.strip_prefix("pub fn ") {
                found.insert((file.clone(), word(name).to_string()));
            } else if let Some((owner, is_trait)) = owner
                && let Some(name) = line.strip_prefix(if is_trait { "    fn " } else { "    pub fn " })
            {
                found.insert((owner.to_string(), word(name).to_string()));
            }
        }
    }
    found
}

/// Functions of the header: their names, and whether they take an error.
fn of_c() -> Vec<(String, bool)> {
    let code: String = HEADER.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(|line| [line, "\n"]).collect();
    let declared = code.split(';').filter_map(|text| {
        let open = text.find('(')?;
        let name = text.get(..open)?.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next()?;
        (name.starts_with("subquad_") && !text.contains("typedef")).then(|| (name.to_string(), text.contains("subquad_error *")))
    });
    declared.collect()
}

fn has(name: &str) -> bool {
    HEADER.match_indices(name).any(|(at, _)| HEADER[at + name.len()..].starts_with(['(', ' ', ';']))
}

/// `subquad_dot_f32` is `subquad_dot`.
fn stem(name: &str) -> &str {
    ["_f32", "_f64", "_i32", "_i16"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name)
}

#[test]
fn every_kernel_is_there_or_has_a_reason_not_to_be() {
    let offered = offered();
    assert!(offered.len() > 250, "{} functions were found", offered.len());
    let mut times = BTreeMap::new();
    offered.iter().for_each(|(_, name)| *times.entry(name).or_insert(0) += 1);
    let (mut missing, mut used) = (Vec::new(), BTreeSet::new());
    for (owner, name) in &offered {
        let own = format!("{owner}::{name}");
        let entry = NAMES.iter().find(|(key, _)| *key == own).or_else(|| NAMES.iter().find(|(key, _)| key == owner));
        if let Some((key, to)) = entry {
            used.insert(*key);
            if to.starts_with("subquad_") && !to.contains(' ') && !has(to) {
                missing.push(format!("{own}: the header has no {to}"));
            }
            continue;
        }
        // By its own name, if nobody else has it.
        if times[name] > 1 || ![format!("subquad_{name}"), format!("subquad_{name}_f32")].iter().any(|name| has(name)) {
            missing.push(own);
        }
    }
    let idle: Vec<_> = NAMES.iter().map(|(key, _)| key).filter(|key| !used.contains(*key)).collect();
    assert!(missing.is_empty() && idle.is_empty(), "without a function of C, and without a reason: {missing:#?}; nobody's: {idle:#?}");
}

#[test]
fn every_function_of_c_is_called_and_refuses() {
    let functions = of_c();
    assert!(functions.len() > 250, "{} functions were found", functions.len());
    let refused: String = TESTS.split("REFUSED(").skip(1).filter_map(|text| text.split(");").next()).collect();
    let calls = |text: &str, stem: &str| {
        text.match_indices(stem).any(|(at, _)| {
            text[at + stem.len()..].starts_with(['(', '_', ',', '}']) && {
                let rest = &text[at + stem.len()..];
                let whole = &text[at..][..stem.len() + rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())];
                self::stem(whole) == stem
            }
        })
    };
    let (mut silent, mut bold) = (BTreeSet::new(), BTreeSet::new());
    for (name, fails) in &functions {
        let stem = stem(name);
        if !calls(TESTS, stem) {
            silent.insert(stem);
        }
        if *fails && !calls(&refused, stem) {
            bold.insert(stem);
        }
    }
    assert!(silent.is_empty() && bold.is_empty(), "not called by the tests in C: {silent:#?}; never refused there: {bold:#?}");
}
