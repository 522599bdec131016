//! What a large estate costs beside what nobody can save: the YAML crate's own work for its files, and an HTTP client's own work for
//! its calls, those that read and those that write.
//!
//! `cargo bench --bench estate`. Every figure stands beside a yardstick taken in the same run, in turns, so that the ratio means something
//! on a busy machine. `RULEKEEP_BENCH_GROUPS` makes the estate smaller (default: 10,000 groups of 50 rules); `-- files`, `-- wire` and
//! `-- apply` choose one of the three, `-- wire plan` and `-- wire bare` what a profiler shall see.
//!
//! `cargo bench --bench estate -- write FOLDER [NAME=NUMBER ..] [http://ENDPOINT ..]` writes an estate for other programs: see `benches/run`.

mod apply;
mod bare;
mod cloud;
mod cost;
mod files;
#[path = "../common/large.rs"]
mod large;
mod wire;

use std::path::Path;

use large::Spec;

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    if words.first().is_some_and(|word| word == "write") {
        return write(&words[1..]);
    }
    let number = |name: &str, default: usize| {
        let text = std::env::var(name).ok();
        text.and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let spec = Spec {
        groups: number("RULEKEEP_BENCH_GROUPS", 10_000),
        ..Spec::default()
    };
    println!("{} groups of {} rules", spec.groups, spec.rules);
    let part = words.first().map_or("", String::as_str);
    let rounds = number("RULEKEEP_BENCH_ROUNDS", 5);
    let wants = |name: &str| part.is_empty() || part == name;
    let mut is_kept = true;
    if wants("files") {
        is_kept &= files::measure(&spec, rounds);
        let odd = Spec {
            odd: true,
            ..spec.clone()
        };
        println!("the same with a value per rule, quotes, comments and long descriptions:");
        is_kept &= files::measure(&odd, rounds);
    }
    if wants("wire") {
        let only = words.get(1).map(String::as_str);
        is_kept &= wire::measure(&spec, rounds.min(3), only);
    }
    if wants("apply") {
        apply::measure(&spec, rounds.min(3));
    }
    // `cargo test --benches` runs this too, of a build that is not optimised.
    if !is_kept && !std::env::args().any(|word| word == "--test") {
        std::process::exit(1);
    }
}

/// `write FOLDER groups=2500 rules=50 accounts=1 regions=1 per_vpc=20 drifted=0 odd=0 http://127.0.0.1:8080 ..`.
fn write(words: &[String]) {
    let mut spec = Spec::default();
    let mut endpoints = Vec::new();
    for word in &words[1..] {
        let Some((name, value)) = word.split_once('=') else {
            endpoints.push(word.clone());
            continue;
        };
        let value: usize = value.parse().expect("a number");
        match name {
            "groups" => spec.groups = value,
            "rules" => spec.rules = value,
            "accounts" => spec.accounts = value,
            "regions" => spec.regions = value,
            "per_vpc" => spec.per_vpc = value,
            "drifted" => spec.drifted = value,
            "odd" => spec.odd = value > 0,
            _ => panic!("an estate has no {name}"),
        }
    }
    spec.write(Path::new(&words[0]), &endpoints)
        .expect("the estate is written");
}
