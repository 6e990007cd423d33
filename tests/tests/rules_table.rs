//! The data files of the suite against the document and the test files. Prints the counts.

use event_ports_tests::tables::{self, Gate, Rule};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Why a rule may be without a test.
const KINDS: [&str; 4] = ["hazard", "illumos", "unobservable", "guidance"];

fn package() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// An id at the beginning of a text: `FD` of `FD-9 …`, and the number.
fn leading_id(text: &str) -> Option<(&str, u32)> {
    let (group, rest) = text.split_once('-')?;
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let is_group = !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_uppercase());
    is_group.then(|| Some((group, rest[..digits].parse().ok()?))).flatten()
}

fn id(group: &str, number: u32) -> String {
    format!("{group}-{number}")
}

/// Every id of the document, in its order, and those whose heading says `[H]`.
fn document() -> (Vec<String>, BTreeSet<String>) {
    let text = read(&package().join("../docs/behaviour.md"));
    let mut ids = Vec::new();
    let mut hazards = BTreeSet::new();
    for line in text.lines() {
        let Some(rest) = line.strip_prefix("**").or_else(|| line.strip_prefix("| V-").map(|_| &line[2..])) else {
            continue;
        };
        let Some((group, number)) = leading_id(rest) else { continue };
        let id = id(group, number);
        if rest[id.len()..].starts_with(" [H]") {
            hazards.insert(id.clone());
        }
        ids.push(id);
    }
    (ids, hazards)
}

/// A test function as its source has it.
struct Test {
    /// The rules and vectors its name or its documentation names.
    ids: BTreeSet<String>,
    /// Whether it is there on this system.
    compiled: bool,
}

/// Every test of every test file, as `file::function`.
fn tests() -> BTreeMap<String, Test> {
    let mut tests = BTreeMap::new();
    for entry in fs::read_dir(package().join("tests")).expect("the test files can be listed") {
        let path = entry.expect("the test files can be listed").path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let file = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        let text = read(&path);
        // What is between a blank line and the function: its documentation and attributes.
        let mut above: Vec<&str> = Vec::new();
        for line in text.lines() {
            let function = line.strip_prefix("fn ").and_then(|rest| rest.split_once('('));
            match function {
                Some((function, _)) if above.contains(&"#[test]") => {
                    let test = Test { ids: ids_of(function, &above), compiled: is_compiled(&above) };
                    tests.insert(format!("{file}::{function}"), test);
                }
                _ if line.starts_with("///") || line.starts_with("#[") => {
                    above.push(line);
                    continue;
                }
                _ => {}
            }
            above.clear();
        }
    }
    tests
}

/// `fd_09_and_10_…`, `order_04_send_02_…`, and `/// FD-9, FD-10.`
fn ids_of(function: &str, above: &[&str]) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let mut group = String::new();
    for part in function.split('_') {
        match part.parse() {
            Ok(number) => {
                ids.insert(id(&group, number));
            }
            Err(_) if part == "and" => {}
            Err(_) if group.is_empty() || ids.iter().any(|id| id.starts_with(&format!("{group}-"))) => {
                group = part.to_uppercase();
            }
            // A word after a word: the ids are over.
            Err(_) => break,
        }
    }
    let documentation = above.iter().filter(|line| line.starts_with("///"));
    let words = documentation.flat_map(|line| line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')));
    ids.extend(words.filter_map(leading_id).map(|(group, number)| id(group, number)));
    ids
}

fn is_compiled(above: &[&str]) -> bool {
    let only = above.iter().find_map(|line| line.strip_prefix("#[cfg(target_os = \"")?.split_once('"'));
    only.is_none_or(|(system, _)| system == std::env::consts::OS)
}

fn gated_here(gates: &[Gate], test: &str) -> bool {
    gates.iter().any(|gate| gate.test == test && gate.system == std::env::consts::OS)
}

#[test]
fn every_rule_of_the_document_is_in_the_table_once_and_in_order() {
    let (ids, _) = document();
    assert!(ids.len() > 300, "the document was read: {} ids", ids.len());
    let listed: Vec<&str> = tables::rules().iter().map(|rule| rule.id).collect();
    let missing: Vec<_> = ids.iter().filter(|id| !listed.contains(&id.as_str())).collect();
    assert!(missing.is_empty(), "not in rules.tsv: {missing:?}");
    let unknown: Vec<_> = listed.iter().filter(|id| !ids.iter().any(|known| known == *id)).collect();
    assert!(unknown.is_empty(), "not in docs/behaviour.md: {unknown:?}");
    assert_eq!(listed, ids, "each once, in the order of the document");
}

#[test]
fn every_rule_has_tests_or_a_reason() {
    let (_, hazards) = document();
    for Rule { id, tests, kind, reason } in tables::rules() {
        assert_ne!(tests.is_empty(), kind.is_empty(), "{id}: tests, or a kind of reason");
        assert_eq!(kind.is_empty(), reason.is_empty(), "{id}: a kind and the reason in words");
        assert!(kind.is_empty() || KINDS.contains(&kind), "{id}: kind {kind}");
        assert!(kind != "hazard" || hazards.contains(id), "{id} is not marked [H]");
    }
}

#[test]
fn every_vector_is_a_test_named_after_it() {
    let tests = tests();
    let vectors: Vec<Rule> = tables::rules().into_iter().filter(|rule| rule.id.starts_with("V-")).collect();
    assert_eq!(vectors.len(), 58, "V-1 to V-58");
    for Rule { id, tests: shown_by, .. } in vectors {
        let number = &id["V-".len()..];
        let name = format!("v_{number:0>2}_");
        let is_named = |test: &&str| test.split_once("::").is_some_and(|(_, function)| function.starts_with(&name));
        let named = shown_by.into_iter().find(is_named).unwrap_or_else(|| panic!("{id}: no test is {name}…"));
        assert!(tests.contains_key(named), "there is no {named}");
    }
}

#[test]
fn every_test_in_the_table_exists() {
    let tests = tests();
    for rule in tables::rules() {
        for test in rule.tests {
            assert!(tests.contains_key(test), "{}: there is no {test}", rule.id);
        }
    }
}

#[test]
fn every_test_that_names_a_rule_is_in_the_table_under_it() {
    let rules = tables::rules();
    let groups: BTreeSet<&str> = rules.iter().filter_map(|rule| Some(rule.id.split_once('-')?.0)).collect();
    for (name, test) in tests() {
        for id in test.ids.iter().filter(|id| id.split_once('-').is_some_and(|(group, _)| groups.contains(group))) {
            let rule = rules.iter().find(|rule| rule.id == id);
            let rule = rule.unwrap_or_else(|| panic!("{name}: there is no rule {id}"));
            assert!(rule.tests.contains(&name.as_str()), "{id}: {name} is not listed");
        }
    }
}

#[test]
fn every_gate_is_of_a_test_and_of_rules_that_exist() {
    let (ids, _) = document();
    let tests = tests();
    let gates = tables::gates();
    for gate in &gates {
        assert!(tests.contains_key(gate.test), "there is no {}", gate.test);
        assert!(["linux", "illumos"].contains(&gate.system), "{}: system {}", gate.test, gate.system);
        assert!(!gate.rules.is_empty() && !gate.reason.is_empty(), "{}: rules and reason", gate.test);
        for rule in gate.rules.split(' ') {
            assert!(ids.iter().any(|id| id == rule), "{}: there is no rule {rule}", gate.test);
        }
        let same = gates.iter().filter(|other| (other.test, other.system) == (gate.test, gate.system));
        assert_eq!(same.count(), 1, "{} is listed twice", gate.test);
    }
}

/// What Linux cannot do is said where users look for it.
#[test]
fn every_gate_on_linux_is_a_deviation() {
    let deviations = ids_with_ranges(&read(&package().join("../event-ports-linux/DEVIATIONS.md")));
    let gates = tables::gates();
    let gated = gates.iter().filter(|gate| gate.system == "linux").flat_map(|gate| gate.rules.split(' '));
    let unsaid: BTreeSet<&str> = gated.filter(|rule| !deviations.contains(*rule)).collect();
    assert!(unsaid.is_empty(), "not in DEVIATIONS.md: {unsaid:?}");
}

/// Every id of a text, and those between two that are joined by an ellipsis: `FD-24 … FD-27`.
fn ids_with_ranges(text: &str) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let mut range_from: Option<(&str, u32)> = None;
    let mut last: Option<(&str, u32)> = None;
    for word in text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '…')) {
        if word == "…" {
            range_from = last;
        } else if let Some((group, number)) = leading_id(word) {
            ids.insert(id(group, number));
            if let Some((_, from)) = range_from.take().filter(|&(start, _)| start == group) {
                ids.extend((from..number).map(|between| id(group, between)));
            }
            last = Some((group, number));
        } else if !word.is_empty() {
            last = None;
        }
    }
    ids
}

#[test]
fn the_counts() {
    let gates = tables::gates();
    let tests = tests();
    let rules = tables::rules();
    let runs_here = |test: &&str| tests.get(*test).is_some_and(|t| t.compiled) && !gated_here(&gates, test);
    let with_tests: Vec<&Rule> = rules.iter().filter(|rule| !rule.tests.is_empty()).collect();
    let shown = with_tests.iter().filter(|rule| rule.tests.iter().any(runs_here)).count();
    let mut text = format!(
        "rules and vectors: {}; with tests: {}, of which shown on this system: {shown}; without:",
        rules.len(),
        with_tests.len()
    );
    for kind in KINDS {
        let count = rules.iter().filter(|rule| rule.kind == kind).count();
        text.push_str(&format!(" {kind} {count},"));
    }
    let vectors = rules.iter().filter(|rule| rule.id.starts_with("V-")).count();
    let deviations = ids_with_ranges(&read(&package().join("../event-ports-linux/DEVIATIONS.md")));
    let deviating = rules.iter().filter(|rule| deviations.contains(rule.id)).count();
    let mut text = text.trim_end_matches(',').to_owned();
    text.push_str(&format!("\nof these vectors: {vectors}; named by DEVIATIONS.md: {deviating}"));
    let compiled = tests.values().filter(|test| test.compiled).count();
    let gated = tests.keys().filter(|test| gated_here(&gates, test)).count();
    text.push_str(&format!("\ntests: {compiled}, of which gated on this system: {gated}; gates: {}\n", gates.len()));
    assert!(shown > 0 && compiled > gated, "{text}");
    // Straight to the descriptor: the harness hides what a passing test prints.
    std::io::stderr().write_all(text.as_bytes()).expect("standard error is open");
}
