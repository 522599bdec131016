//! Files, beside the YAML crate's own work.

use std::{
    hint::black_box,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use rayon::prelude::*;
use rulekeep::{
    desired::{self, Desired},
    lint::lint,
};
use serde::{Deserialize, Serialize};
use serde_yaml::granit_parser::{self, Parser};

use crate::{
    cost::{cost, line, median, promise},
    large::Spec,
};

/// A group file in the shape that serde reads; nothing is checked.
#[derive(Deserialize, Serialize)]
struct RawGroup {
    group: String,
    name: Option<String>,
    vpc: Option<String>,
    account: Option<String>,
    region: Option<String>,
    mode: String,
    owner: Option<String>,
    ingress: Vec<RawRule>,
    egress: Vec<RawRule>,
}

#[derive(Deserialize, Serialize)]
struct RawRule {
    protocol: String,
    ports: OneOrMany,
    from: Option<OneOrMany>,
    to: Option<OneOrMany>,
    description: Option<String>,
    policy: Option<String>,
    priority: Option<u8>,
}

/// A value or a list of values.
#[derive(Serialize)]
struct OneOrMany(Vec<String>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> serde::de::Visitor<'de> for Either {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a value or a list")
            }

            fn visit_str<E>(self, text: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![text.to_owned()]))
            }

            fn visit_u64<E>(self, number: u64) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![number.to_string()]))
            }

            fn visit_i64<E>(self, number: i64) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![number.to_string()]))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut list: A,
            ) -> Result<OneOrMany, A::Error> {
                let mut items = Vec::new();
                while let Some(OneOrMany(item)) = list.next_element()? {
                    items.extend(item);
                }
                Ok(OneOrMany(items))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// Files from the disk to what is declared, beside the YAML crate alone over the same files; whether the promise is kept.
pub fn measure(spec: &Spec, rounds: usize) -> bool {
    let folder = tempfile::tempdir().expect("a folder for the run");
    spec.write(folder.path(), &[])
        .expect("the estate is written");
    let project = folder.path().join("rulekeep.yaml");
    let paths: Vec<PathBuf> = spec
        .all()
        .into_iter()
        .map(|group| folder.path().join(group.path))
        .collect();
    let read = |path: &PathBuf| std::fs::read_to_string(path).expect("it was written");
    let typed_file = |path: &PathBuf| {
        let group = serde_yaml::from_str::<RawGroup>(&read(path));
        group.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let as_json: Vec<String> = paths
        .par_iter()
        .map(|path| serde_json::to_string(&typed_file(path)).expect("plain structs"))
        .collect();
    let [mut events, mut typed, mut json, mut loaded, mut linted] = [(); 5].map(|()| Vec::new());
    for _ in 0..=rounds {
        events.push(
            cost(|| {
                let each = paths.par_iter().map(|path| count_events(&read(path)));
                black_box(each.sum::<usize>())
            })
            .1,
        );
        typed.push(
            cost(|| {
                let each = paths.par_iter().map(typed_file);
                black_box(each.collect::<Vec<RawGroup>>().len())
            })
            .1,
        );
        json.push(
            cost(|| {
                let each = as_json
                    .par_iter()
                    .map(|text| serde_json::from_str::<RawGroup>(text).expect("it was written so"));
                black_box(each.collect::<Vec<RawGroup>>().len())
            })
            .1,
        );
        let (desired, cost_of_load) = cost(|| load(&project));
        loaded.push(cost_of_load);
        linted.push(cost(|| black_box(lint(&desired, Timestamp::now(), |_| true).len())).1);
    }
    // The first round has warmed up caches.
    let [events, typed, json, loaded, linted] =
        [events, typed, json, loaded, linted].map(|costs| median(&costs[1..]));
    line("YAML crate into plain structs (yardstick)", typed, typed);
    line("its parser alone, events thrown away", events, typed);
    line("serde_json, the same as JSON in memory", json, typed);
    line("warnings about rules that do nothing", linted, typed);
    promise("reading and checking", loaded, typed, 1.25)
}

fn count_events(text: &str) -> usize {
    let options = granit_parser::options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
    };
    Parser::new_from_str_with_options(text, options)
        .inspect(|event| assert!(event.is_ok()))
        .count()
}

/// What the files of a project declare.
pub fn load(project: &Path) -> Desired {
    match desired::load(project) {
        Ok((desired, _)) => desired,
        Err(error) => panic!("{:#?}", error.diagnostics.first()),
    }
}
