//! Weaves mutants into a copy of a file, so that one program holds them all and a switch chooses among them.
//!
//!     subquad-mutants FILE < MUTANTS > WOVEN
//!
//! FILE is a source file; MUTANTS an array of JSON: those of it in the list that `cargo mutants --list --json` prints, each
//! with a number, `"id"`; WOVEN an object: `"text"`, the new source, and `"places"`, the bytes of it that belong to each
//! mutant, `[id, from, to]`, and to each whole expression that was replaced, `[[id, ..], from, to]`: where the compiler
//! complains, these are to be left out next time. `"lost"`: numbers of those that cannot be woven.
//!
//! `a + b` with the mutants 7 (`a - b`) and 8 (`a * b`) becomes
//!
//!     (if crate::mutant(7) {a - b} else if crate::mutant(8) {a * b} else {a + b})
//!
//! where a and b of the last one are woven themselves. A function that mutant 9 makes return 0 begins with
//! `if crate::mutant(9) { return 0; }`; an arm that mutant 10 takes away has a guard.

use proc_macro2::{LineColumn, Span};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Read;
use std::ops::Range;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// A place of the source: line and column from 1, as cargo-mutants has them.
type Place = (usize, usize);

fn place(at: LineColumn) -> Place {
    (at.line, at.column + 1)
}

/// What a mutant's place may belong to, in bytes of the source.
enum Site {
    /// A binary expression, and its operator.
    Binary { whole: Range<usize>, operator: Range<usize> },
    /// An expression with a prefix, and what follows it.
    Unary { whole: Range<usize>, operand: Range<usize> },
    /// An arm's pattern, and the guard if it has one.
    Arm { pattern_end: usize, guard: Option<Range<usize>> },
    /// The guard of an arm.
    Guard(Range<usize>),
    /// A function's body: where its first statement may stand.
    Body { start: usize },
    /// The value of a field, its name, and the expression that has the other fields.
    Field { value: Range<usize>, name: String, rest: Range<usize> },
}

#[derive(Default)]
struct Sites(HashMap<(&'static str, Place), Site>);

fn bytes(span: Span) -> Range<usize> {
    span.byte_range()
}

/// Whether an expression binds names for what follows it, and so must stay where it is.
fn binds(expr: &syn::Expr) -> bool {
    match expr {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(expr) => binds(&expr.left) || binds(&expr.right),
        _ => false,
    }
}

impl Sites {
    fn put(&mut self, genre: &'static str, at: Span, site: Site) {
        self.0.insert((genre, place(at.start())), site);
    }
    fn body(&mut self, block: &syn::Block) {
        if let Some(first) = block.stmts.first() {
            self.put("FnValue", first.span(), Site::Body { start: bytes(block.brace_token.span.open()).end });
        }
    }
}

impl<'ast> Visit<'ast> for Sites {
    fn visit_expr_binary(&mut self, expr: &'ast syn::ExprBinary) {
        if !binds(&expr.left) && !binds(&expr.right) {
            let site = Site::Binary { whole: bytes(expr.span()), operator: bytes(expr.op.span()) };
            self.put("BinaryOperator", expr.op.span(), site);
        }
        visit::visit_expr_binary(self, expr);
    }
    fn visit_expr_unary(&mut self, expr: &'ast syn::ExprUnary) {
        self.put("UnaryOperator", expr.span(), Site::Unary { whole: bytes(expr.span()), operand: bytes(expr.expr.span()) });
        visit::visit_expr_unary(self, expr);
    }
    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        let guard = arm.guard.as_ref().map(|(_, guard)| bytes(guard.span()));
        if let (Some((_, expr)), Some(range)) = (&arm.guard, &guard)
            && !binds(expr)
        {
            self.put("MatchArmGuard", expr.span(), Site::Guard(range.clone()));
        }
        self.put("MatchArm", arm.span(), Site::Arm { pattern_end: bytes(arm.pat.span()).end, guard });
        visit::visit_arm(self, arm);
    }
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.body(&item.block);
        visit::visit_item_fn(self, item);
    }
    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.body(&item.block);
        visit::visit_impl_item_fn(self, item);
    }
    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.body(block);
        }
        visit::visit_trait_item_fn(self, item);
    }
    fn visit_expr_struct(&mut self, expr: &'ast syn::ExprStruct) {
        if let Some(rest) = &expr.rest {
            for field in &expr.fields {
                if let (syn::Member::Named(name), true) = (&field.member, field.colon_token.is_some()) {
                    let site = Site::Field { value: bytes(field.expr.span()), name: name.to_string(), rest: bytes(rest.span()) };
                    self.put("StructField", field.span(), site);
                }
            }
        }
        visit::visit_expr_struct(self, expr);
    }
}

/// An expression of the source and what may stand in its place.
struct Choice {
    whole: Range<usize>,
    others: Vec<(u64, String)>,
}

#[derive(Default)]
struct Weaver<'a> {
    source: &'a str,
    /// Outer ones before inner ones.
    choices: Vec<Choice>,
    /// Text that is put between two bytes, and the mutant it belongs to.
    inserted: Vec<(usize, u64, String)>,
    text: String,
    places: Vec<Value>,
}

impl Weaver<'_> {
    fn choose(&mut self, whole: Range<usize>, id: u64, other: String) {
        match self.choices.iter_mut().find(|choice| choice.whole == whole) {
            Some(choice) => choice.others.push((id, other)),
            None => self.choices.push(Choice { whole, others: vec![(id, other)] }),
        }
    }

    /// Writes a range, whose choices begin at `next`; the first choice behind it.
    fn write(&mut self, range: Range<usize>, mut next: usize) -> usize {
        let mut at = range.start;
        while let Some(choice) = self.choices.get(next).filter(|choice| choice.whole.start < range.end) {
            let (whole, others) = (choice.whole.clone(), choice.others.clone());
            self.copy(at..whole.start);
            let from = self.text.len();
            self.text.push('(');
            for (id, other) in &others {
                self.text.push_str(&format!("if crate::mutant({id}) {{"));
                let from = self.text.len();
                self.text.push_str(other);
                self.places.push(json!([id, from, self.text.len()]));
                self.text.push_str("} else ");
            }
            self.text.push('{');
            next = self.write(whole.clone(), next + 1);
            self.text.push_str("})");
            let ids: Vec<u64> = others.iter().map(|(id, _)| *id).collect();
            self.places.push(json!([ids, from, self.text.len()]));
            at = whole.end;
        }
        self.copy(at..range.end);
        next
    }

    /// Copies source in which no expression is chosen; what is inserted at its beginning belongs to it, at its end not.
    fn copy(&mut self, range: Range<usize>) {
        let mut at = range.start;
        for (byte, id, inserted) in &self.inserted {
            if range.contains(byte) {
                self.text.push_str(&self.source[at..*byte]);
                let from = self.text.len();
                self.text.push_str(inserted);
                self.places.push(json!([id, from, self.text.len()]));
                at = *byte;
            }
        }
        self.text.push_str(&self.source[at..range.end]);
    }
}

fn main() {
    let path = std::env::args().nth(1).expect("subquad-mutants FILE < MUTANTS");
    let source = std::fs::read_to_string(&path).expect("the file can be read");
    let mut list = String::new();
    std::io::stdin().read_to_string(&mut list).expect("mutants can be read");
    let mutants: Vec<Value> = serde_json::from_str(&list).expect("an array of mutants");

    let mut sites = Sites::default();
    sites.visit_file(&syn::parse_file(&source).expect("Rust"));
    let mut weaver = Weaver { source: &source, ..Weaver::default() };
    let mut lost = Vec::new();
    for mutant in &mutants {
        let number = |end: &str, what: &str| mutant["span"][end][what].as_u64().expect("a span") as usize;
        let (genre, id) = (mutant["genre"].as_str().expect("a genre"), mutant["id"].as_u64().expect("a number"));
        let new = mutant["replacement"].as_str().expect("a replacement");
        let at = (number("start", "line"), number("start", "column"));
        match sites.0.iter().find(|((name, place), _)| *name == genre && *place == at).map(|(_, site)| site) {
            Some(Site::Binary { whole, operator }) => {
                let (left, right) = (&source[whole.start..operator.start], &source[operator.end..whole.end]);
                weaver.choose(whole.clone(), id, format!("{left}{new}{right}"));
            }
            Some(Site::Unary { whole, operand }) => weaver.choose(whole.clone(), id, source[operand.clone()].into()),
            Some(Site::Guard(guard)) => weaver.choose(guard.clone(), id, new.into()),
            Some(Site::Field { value, name, rest }) => weaver.choose(value.clone(), id, format!("({}).{name}", &source[rest.clone()])),
            Some(Site::Body { start }) => weaver.inserted.push((*start, id, format!(" if crate::mutant({id}) {{ return {new}; }}"))),
            Some(Site::Arm { pattern_end, guard: None }) => {
                weaver.inserted.push((*pattern_end, id, format!(" if !crate::mutant({id})")));
            }
            // The guard is false where the arm is taken away.
            Some(Site::Arm { guard: Some(guard), .. }) => weaver.choose(guard.clone(), id, "false".into()),
            None => lost.push(id),
        }
    }
    weaver.choices.sort_by_key(|choice| (choice.whole.start, usize::MAX - choice.whole.end));
    weaver.inserted.sort_by_key(|(byte, id, _)| (*byte, *id));
    weaver.write(0..source.len(), 0);
    println!("{}", json!({ "text": weaver.text, "places": weaver.places, "lost": lost }));
}
