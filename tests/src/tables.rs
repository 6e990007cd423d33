//! The data files of the suite: `gates.tsv` and `rules.tsv`.

/// A case that one system cannot run.
#[derive(Debug, Clone, Copy)]
pub struct Gate {
    /// The test, as `file::function`.
    pub test: &'static str,
    /// The system that cannot run it: `linux` or `illumos`.
    pub system: &'static str,
    /// The rules concerned.
    pub rules: &'static str,
    /// Why not.
    pub reason: &'static str,
}

/// A rule and what shows it.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The rule's id, such as `GETN-8`.
    pub id: &'static str,
    /// The tests that show it, as `file::function`; none if there is a reason.
    pub tests: Vec<&'static str>,
    /// Why a rule has no test: `hazard`, `illumos`, `unobservable` or `guidance`. Empty if it has one.
    pub kind: &'static str,
    /// The reason in words. Empty if the rule has tests.
    pub reason: &'static str,
}

/// All gates.
///
/// # Panics
/// If the file is malformed.
#[must_use]
pub fn gates() -> Vec<Gate> {
    rows(include_str!("../gates.tsv"))
        .map(|[test, system, rules, reason]| Gate { test, system, rules, reason })
        .collect()
}

/// All rules.
///
/// # Panics
/// If the file is malformed.
#[must_use]
pub fn rules() -> Vec<Rule> {
    rows(include_str!("../rules.tsv"))
        .map(|[id, tests, kind, reason]| Rule { id, tests: tests.split_whitespace().collect(), kind, reason })
        .collect()
}

/// The rows of a file of four columns, without comments and the heading.
fn rows(text: &'static str) -> impl Iterator<Item = [&'static str; 4]> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).skip(1);
    lines.map(|line| {
        let columns: Vec<&'static str> = line.split('\t').collect();
        columns.try_into().unwrap_or_else(|_| panic!("not four columns: {line}"))
    })
}
