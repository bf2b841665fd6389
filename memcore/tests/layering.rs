//! Holds the module table of the house against the sources: a module knows only what lies below it.

use std::fs;
use std::path::{Path, PathBuf};

/// Every module of `memcore/src` and what it may use, from the bottom up.
const TABLE: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("model", &["error"]),
    ("journal", &["error"]),
    ("protocol", &["error", "model"]),
    ("energy", &["error", "model"]),
    ("doctor", &["error", "model", "energy"]),
    ("optimize", &["error", "model", "energy"]),
    ("control", &["error", "model", "energy", "optimize"]),
    ("store", &["error", "model", "energy"]),
    ("alarms", &["error", "model", "energy"]),
    // Relational records; what stands in them belongs to the rooms that keep them.
    ("records", &["error", "model"]),
    ("outbound", &["error"]),
    ("accounts", &["error", "model", "records", "outbound"]),
    ("router", &["error", "model"]),
    ("gateway", &["error", "model", "protocol"]),
    ("client", &["error", "model", "journal", "protocol"]),
    ("adapters", &["error", "model", "protocol", "client"]),
    // The simulated devices are devices: they speak through the SDK.
    ("sim", &["error", "model", "protocol", "energy", "client"]),
    (
        "runtime",
        &[
            "error", "model", "journal", "protocol", "energy", "doctor", "optimize", "control", "store", "alarms",
            "records", "outbound", "accounts", "router", "gateway", "adapters", "client", "sim",
        ],
    ),
    // What is pure is said over HTTP in its own words.
    ("rest", &["error", "model", "energy", "doctor", "optimize", "control", "alarms", "records", "accounts", "runtime"]),
    ("cli", &["error", "model", "accounts", "alarms", "runtime", "rest"]),
];

/// The table of contents and the binary's entry belong to no module.
const ROOTS: &[&str] = &["lib.rs", "main.rs"];

#[test]
fn every_module_uses_only_what_lies_below_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&source, &mut files);
    assert!(files.len() > 5, "{} has {} Rust files", source.display(), files.len());
    let breaches: Vec<String> = files
        .iter()
        .flat_map(|file| breaches(file.strip_prefix(&source).unwrap(), &fs::read_to_string(file).unwrap()))
        .collect();
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

#[test]
fn the_table_itself_points_one_way() {
    for (at, (module, may_use)) in TABLE.iter().enumerate() {
        for used in *may_use {
            assert!(TABLE[..at].iter().any(|(below, _)| below == used), "{module} uses {used}, which is not below it");
        }
    }
}

#[test]
fn a_planted_breach_is_found_in_every_spelling() {
    for (file, source) in [
        ("model/unit.rs", "use crate::store::Store;"),
        ("model/unit.rs", "use crate::{error::Error, store::{self, Store}};"),
        ("model/unit.rs", "fn f() -> crate :: store::Store { store::open() }"),
        ("model/unit.rs", "use super::super::store::Store;"),
        ("model/unit.rs", "use super::{name::Name, super::store::Store};"),
        ("model/mod.rs", "use super::store::Store;"),
        ("model.rs", "use super::store;"),
        ("model/unit.rs", "#[cfg(test)] mod tests { use super::super::super::store; }"),
        ("model/unit.rs", "const A: char = '\"'; use crate::store; const B: char = '\"';"),
        ("model/unit.rs", "fn f<'a>(x: &'a str) { let s = r#\"\"\"#; crate::store::open(s) }"),
        ("model/unit.rs", "use ::memcore::store;"),
        ("model/unit.rs", "use crate::*;"),
        ("model/unit.rs", "use crate::Error;"),
        ("store/query.rs", "use crate::router;"),
        ("runtime/mod.rs", "use crate::rest::serve;"),
        ("utils.rs", ""),
        ("bin/other.rs", ""),
    ] {
        assert_eq!(breaches(Path::new(file), source).len(), 1, "{file}: {source}");
    }
}

#[test]
fn what_only_looks_like_a_breach_is_none() {
    for (file, source) in [
        ("model/unit.rs", "use crate::error::{Error, Result}; use super::name::shorten;"),
        ("model/unit.rs", "// crate::store\n/* crate::store /* nested */ crate::store */ //! [`crate::store`]"),
        ("model/unit.rs", "const S: &str = \"crate::store \\\" crate::store\"; const R: &str = r#\"crate::\"store\"#;"),
        ("model/unit.rs", "pub(crate) fn f() {} pub(in crate::model) fn g() {} pub(super) fn h() {}"),
        ("model/unit.rs", "mod tests { use super::*; mod deeper { use super::super::name::Name; } }"),
        ("model/unit.rs", "use crate::{error::Error, model::Unit};"),
        ("model/mod.rs", "mod tests { use super::*; }"),
        ("store/segment/read.rs", "use super::super::index::Index; use crate::energy::gap;"),
        ("store/query.rs", "use arrow_array::store; use tokio::{sync, runtime};"),
        ("lib.rs", "pub use crate::store::Store;"),
    ] {
        assert_eq!(breaches(Path::new(file), source), [""; 0], "{file}: {source}");
    }
}

fn rust_files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// What in that file (its path within `src`) is against the table, one line each.
fn breaches(file: &Path, source: &str) -> Vec<String> {
    if ROOTS.iter().any(|root| file == Path::new(root)) {
        return Vec::new();
    }
    let path = module_path(file);
    let Some((module, may_use)) = TABLE.iter().find(|(module, _)| *module == path[0]) else {
        return vec![format!("{}: module `{}` is not in the table", file.display(), path[0])];
    };
    modules_named(&tokens(source), path.len())
        .into_iter()
        .filter(|used| used != module && !may_use.contains(&used.as_str()))
        .map(|used| match TABLE.iter().any(|(known, _)| *known == used) {
            true => format!("{}: `{module}` may not use `{used}`", file.display()),
            false => format!("{}: `crate::{used}` names no module of the table; name the module it is in", file.display()),
        })
        .collect()
}

/// `store/segment/read.rs` is the module `store::segment::read`; `store/mod.rs` is `store`.
fn module_path(file: &Path) -> Vec<String> {
    let mut path: Vec<String> =
        file.with_extension("").components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    if path.len() > 1 && path.last().is_some_and(|last| last == "mod") {
        path.pop();
    }
    path
}

/// Every name directly below the crate's root that the tokens of a file mention, `file_depth` modules below that root.
fn modules_named(tokens: &[String], file_depth: usize) -> Vec<String> {
    let mut named = Vec::new();
    // For each open brace, whether it is that of an inline module.
    let mut braces: Vec<bool> = Vec::new();
    for at in 0..tokens.len() {
        let depth = file_depth + braces.iter().filter(|inline| **inline).count();
        match tokens[at].as_str() {
            "{" => braces.push(at >= 2 && tokens[at - 2] == "mod"),
            "}" => drop(braces.pop()),
            // Within a path these are followed from its start; a leading `::` is followed from `memcore`.
            "crate" | "super" | "self" if at > 0 && tokens[at - 1] == "::" => {}
            "crate" | "memcore" => follow(tokens, at + 1, 0, &mut named),
            "super" => follow(tokens, at + 1, depth - 1, &mut named),
            "self" => follow(tokens, at + 1, depth, &mut named),
            _ => {}
        }
    }
    named
}

/// Follows a path from `at`, where `::` must stand for it to go on, `depth` modules below the root.
fn follow(tokens: &[String], at: usize, depth: usize, named: &mut Vec<String>) {
    if tokens.get(at).map(String::as_str) == Some("::") {
        follow_element(tokens, at + 1, depth, named);
    }
}

fn follow_element(tokens: &[String], at: usize, depth: usize, named: &mut Vec<String>) {
    match tokens.get(at).map(String::as_str) {
        Some("{") => {
            for element in group_elements(tokens, at) {
                follow_element(tokens, element, depth, named);
            }
        }
        Some("super") => follow(tokens, at + 1, depth.saturating_sub(1), named),
        Some("self") => follow(tokens, at + 1, depth, named),
        Some(name) if depth == 0 => named.push(name.to_owned()),
        _ => {}
    }
}

/// Where the elements of the `{a, b::{c, d}}` that opens at `open` begin.
fn group_elements(tokens: &[String], open: usize) -> Vec<usize> {
    let mut elements = vec![open + 1];
    let mut nesting = 0;
    for at in open..tokens.len() {
        match tokens[at].as_str() {
            "{" => nesting += 1,
            "}" => nesting -= 1,
            "," if nesting == 1 && tokens.get(at + 1).is_some_and(|next| next != "}") => elements.push(at + 1),
            _ => {}
        }
        if nesting == 0 {
            break;
        }
    }
    elements
}

/// Words, `::` and single other characters; comments and the contents of literals are left out.
fn tokens(source: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let length = if let Some(skipped) = literal_or_comment(rest) {
            skipped
        } else if word > 0 {
            tokens.push(rest[..word].to_owned());
            word
        } else {
            let length = if rest.starts_with("::") { 2 } else { first.len_utf8() };
            if !first.is_whitespace() {
                tokens.push(rest[..length].to_owned());
            }
            length
        };
        rest = &rest[length..];
    }
    tokens
}

/// The length of the comment, string or character that `text` begins with.
fn literal_or_comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return Some(block_comment(text));
    }
    let body = text.strip_prefix('b').or_else(|| text.strip_prefix('c')).unwrap_or(text);
    let prefix = text.len() - body.len();
    if let Some(raw) = body.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let inside = raw[hashes..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        let length = inside.find(&end).map_or(inside.len(), |at| at + end.len());
        return Some(prefix + 2 + hashes + length);
    }
    if let Some(inside) = body.strip_prefix('"') {
        return Some(prefix + 1 + quoted(inside, '"'));
    }
    let inside = body.strip_prefix('\'')?;
    // A quote that does not close after one character opens a lifetime.
    let closes = inside.starts_with('\\') || inside.chars().nth(1) == Some('\'');
    closes.then(|| prefix + 1 + quoted(inside, '\''))
}

/// The length up to and with the closing quote.
fn quoted(inside: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    inside.len()
}

/// The length of a block comment; they nest.
fn block_comment(text: &str) -> usize {
    let (mut at, mut nesting) = (0, 0);
    while at < text.len() {
        let here = &text[at..];
        if here.starts_with("/*") {
            nesting += 1;
            at += 2;
        } else if here.starts_with("*/") {
            nesting -= 1;
            at += 2;
            if nesting == 0 {
                return at;
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}
