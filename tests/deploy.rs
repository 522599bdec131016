//! The manifests of `deploy/` are valid, run without privileges, and ask for no more permissions than the program uses.
//!
//! Against Kubernetes' schemas: needs an interpreter (`RULEKEEP_PYTHON`, else `python3`) that has the packages of
//! `tests/deploy/requirements.txt`, and for the built kustomizations `kubectl`. What is not there is skipped with a word about it; with
//! `RULEKEEP_REQUIRE_KUBERNETES=1`, which `.ci/run` sets, the interpreter must be there.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use rulekeep::provider::alibaba::probe::WRITE_ACTIONS;
use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn folder() -> PathBuf {
    Path::new(ROOT).join("deploy/kubernetes")
}

/// The manifests but for the kustomizations.
fn manifests() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for part in fs::read_dir(folder()).unwrap() {
        for file in fs::read_dir(part.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            if path.file_name().unwrap() != "kustomization.yaml" {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(found.len() > 4, "{found:?}");
    found
}

fn documents(text: &str) -> Vec<Value> {
    serde_yaml::from_multiple(text).unwrap()
}

/// The interpreter that has the schemas; `None` when there is none and that is no failure.
fn interpreter() -> Option<String> {
    let python = std::env::var("RULEKEEP_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python)
        .args(["-c", "import kubernetes_validate, dockerfile_parse"])
        .output()
        .is_ok_and(|output| output.status.success());
    if found {
        return Some(python);
    }
    assert!(
        std::env::var("RULEKEEP_REQUIRE_KUBERNETES").is_err(),
        "{python} lacks the packages of tests/deploy/requirements.txt"
    );
    eprintln!("skipped: {python} lacks the packages of tests/deploy/requirements.txt");
    None
}

fn validated(python: &str, file: &Path) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(python)
        .args(["-m", "kubernetes_validate", "--strict"])
        .arg(file)
        .output()
        .unwrap();
    assert!(
        status.success(),
        "{}: {}{}",
        file.display(),
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr)
    );
}

#[test]
fn manifests_fit_the_schemas_of_kubernetes() {
    let Some(python) = interpreter() else { return };
    for file in manifests() {
        validated(&python, &file);
    }
}

#[test]
fn kustomizations_build_and_fit_the_schemas() {
    let Some(python) = interpreter() else { return };
    let built = tempfile::tempdir().unwrap();
    for part in ["drift", "apply", "watch"] {
        let output = Command::new("kubectl")
            .arg("kustomize")
            .arg(folder().join(part))
            .output();
        let Ok(output) = output else {
            eprintln!("skipped: kubectl is not installed");
            return;
        };
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let file = built.path().join(format!("{part}.yaml"));
        fs::write(&file, output.stdout).unwrap();
        validated(&python, &file);
    }
}

/// The YAML blocks of the page for those who deploy.
fn examples() -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/kubernetes.md");
    let page = fs::read_to_string(page).unwrap();
    let blocks = page.split("```yaml\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().unwrap().to_owned());
    blocks.collect()
}

/// The first is a whole overlay, of `drift`; the others are patches of `apply`.
#[test]
fn the_overlays_of_the_page_build() {
    let built = tempfile::tempdir().unwrap();
    let copied = Command::new("cp")
        .arg("-R")
        .args([&folder(), built.path()])
        .status();
    assert!(copied.unwrap().success());
    let overlay = built.path().join("overlay");
    fs::create_dir(&overlay).unwrap();
    let examples = examples();
    let [whole, patches @ ..] = &examples[..] else {
        panic!("no example");
    };
    assert_eq!(patches.len(), 2);
    let remote = "https://git.example.com/rulekeep.git/deploy/kubernetes/drift";
    assert!(whole.contains(remote));
    let whole = whole.replace(remote, "../kubernetes/drift");
    let patches = patches
        .iter()
        .map(|patches| format!("resources: [../kubernetes/apply]\n{patches}"));
    for text in std::iter::once(whole.clone()).chain(patches) {
        fs::write(overlay.join("kustomization.yaml"), &text).unwrap();
        let output = Command::new("kubectl")
            .arg("kustomize")
            .arg(&overlay)
            .output();
        let Ok(output) = output else {
            eprintln!("skipped: kubectl is not installed");
            return;
        };
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}\n{text}");
        let yaml = String::from_utf8(output.stdout).unwrap();
        // What the first one renames is renamed everywhere.
        if text == whole {
            assert!(!yaml.contains("registry.example.com"), "{yaml}");
        }
    }
}

#[test]
fn the_containerfile_parses_and_ends_without_a_root_user() {
    let Some(python) = interpreter() else { return };
    let program = "import json, sys\nfrom dockerfile_parse import DockerfileParser\n\
        print(json.dumps(DockerfileParser(fileobj=open(sys.argv[1], 'rb')).structure))";
    let output = Command::new(python)
        .args(["-c", program])
        .arg(Path::new(ROOT).join("Containerfile"))
        .output()
        .unwrap();
    let lines: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let of = |instruction: &str| -> Vec<&str> {
        let lines = lines
            .iter()
            .filter(|line| line["instruction"] == instruction);
        lines.map(|line| line["value"].as_str().unwrap()).collect()
    };
    assert_eq!(of("FROM").last(), Some(&"scratch AS rulekeep"));
    assert_eq!(of("USER"), ["65532:65532"; 2]);
    assert_eq!(of("ENTRYPOINT").len(), 2);
}

#[test]
fn the_containerfile_copies_every_file_that_the_program_includes() {
    let copied = fs::read_to_string(Path::new(ROOT).join("Containerfile")).unwrap();
    let copied: BTreeSet<&str> = copied
        .lines()
        .filter_map(|line| line.strip_prefix("COPY "))
        .filter(|line| !line.starts_with("--from"))
        .flat_map(str::split_whitespace)
        .collect();
    let mut folders = vec![Path::new(ROOT).join("src")];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let calls = text.split("include_").skip(1);
            let named = calls.filter_map(|rest| {
                let rest = rest
                    .strip_prefix("str!(")
                    .or(rest.strip_prefix("bytes!("))?;
                rest.trim_start().strip_prefix('"')?.split('"').next()
            });
            for name in named {
                let file = fs::canonicalize(folder.join(name)).unwrap();
                let top = fs::canonicalize(ROOT).unwrap();
                let below = file.strip_prefix(top).unwrap();
                let first = below.iter().next().unwrap().to_str().unwrap();
                // What only tests include is in their folder.
                assert!(
                    first == "tests" || copied.contains(first),
                    "{} includes {}",
                    path.display(),
                    below.display()
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 8, "{seen}");
}

/// A library of the system that musl lacks, or another build tool, would have to be installed in the image that builds.
#[test]
fn of_all_dependencies_only_ring_compiles_c_and_none_looks_for_a_library_of_the_system() {
    let lock = fs::read_to_string(Path::new(ROOT).join("Cargo.lock")).unwrap();
    let of_tool = |tool: &str| -> Vec<&str> {
        let packages = lock.split("[[package]]").skip(1);
        packages
            .filter(|package| package.contains(&format!("\n \"{tool}\",\n")))
            .map(|package| package.split('"').nth(1).unwrap())
            .collect()
    };
    assert_eq!(of_tool("cc"), ["ring"]);
    for tool in ["cmake", "pkg-config", "vcpkg", "bindgen", "autotools"] {
        assert!(of_tool(tool).is_empty(), "{tool}: {:?}", of_tool(tool));
    }
}

/// Every pod template in a document.
fn pods(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Object(members) => {
            if members.contains_key("containers") {
                found.push(value.clone());
            }
            members.values().for_each(|value| pods(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| pods(value, found)),
        _ => {}
    }
}

fn all_pods() -> Vec<Value> {
    let mut found = Vec::new();
    for file in manifests() {
        for document in documents(&fs::read_to_string(file).unwrap()) {
            pods(&document, &mut found);
        }
    }
    assert_eq!(found.len(), 3);
    found
}

fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    ["initContainers", "containers"]
        .into_iter()
        .filter_map(|kind| pod[kind].as_array())
        .flatten()
}

#[test]
fn pods_run_without_privileges() {
    for pod in all_pods() {
        assert_eq!(pod["automountServiceAccountToken"], false);
        let context = &pod["securityContext"];
        assert_eq!(context["runAsNonRoot"], true);
        assert_eq!(context["seccompProfile"]["type"], "RuntimeDefault");
        for container in containers(&pod) {
            let context = &container["securityContext"];
            assert_eq!(context["allowPrivilegeEscalation"], false);
            assert_eq!(context["readOnlyRootFilesystem"], true);
            assert_eq!(context["capabilities"]["drop"], serde_json::json!(["ALL"]));
            assert!(container["resources"]["limits"]["memory"].is_string());
            assert!(container["resources"]["requests"]["cpu"].is_string());
        }
    }
}

#[test]
fn no_role_of_the_cluster_is_given_to_anybody() {
    for file in manifests() {
        for document in documents(&fs::read_to_string(&file).unwrap()) {
            let kind = document["kind"].as_str().unwrap();
            assert!(!kind.contains("Role"), "{}: {kind}", file.display());
            if kind == "ServiceAccount" {
                assert_eq!(document["automountServiceAccountToken"], false);
            }
        }
    }
}

#[test]
fn each_index_of_the_job_is_a_part_and_together_they_are_all() {
    let text = fs::read_to_string(folder().join("apply/job.yaml")).unwrap();
    let job = documents(&text).remove(0);
    let count = job["spec"]["completions"].as_u64().unwrap();
    assert_eq!(job["spec"]["completionMode"], "Indexed");
    assert_eq!(job["spec"]["parallelism"], count);
    let [pod] = &all_pods()[..1] else {
        unreachable!("a slice of one")
    };
    let variables = pod["containers"][0]["env"].as_array().unwrap();
    let value = |name: &str| variables.iter().find(|one| one["name"] == name).unwrap();
    assert_eq!(value("SHARDS")["value"], count.to_string());
    assert_eq!(value("RULEKEEP_SHARD")["value"], "$(INDEX)/$(SHARDS)");
    let parts: BTreeSet<String> = (0..count)
        .map(|index| {
            let part: rulekeep::reconcile::Shard = format!("{index}/{count}").parse().unwrap();
            part.to_string()
        })
        .collect();
    assert_eq!(parts.len() as u64, count);
}

/// Every action that a policy allows.
fn allowed(policy: &str) -> BTreeSet<String> {
    let policy: Value = serde_json::from_str(policy).unwrap();
    let statements = policy["Statement"].as_array().unwrap();
    statements
        .iter()
        .flat_map(|statement| statement["Action"].as_array().unwrap())
        .map(|action| action.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn policies_allow_what_the_program_calls_and_no_more() {
    let read = |name: &str| fs::read_to_string(Path::new(ROOT).join(name)).unwrap();
    let plan = allowed(&read("deploy/ram/plan.json"));
    let apply = allowed(&read("deploy/ram/apply.json"));
    let writes: BTreeSet<String> = WRITE_ACTIONS.map(str::to_owned).into();
    assert!(plan.iter().all(|action| action.starts_with("ecs:Describe")));
    assert_eq!(apply, plan.union(&writes).cloned().collect());
    // The guide has the same two in its JSON blocks.
    let guide = read("docs/accounts.md");
    let (_, permissions) = guide.split_once("## Permissions").unwrap();
    let blocks: Vec<&str> = permissions
        .split("```json\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert_eq!(allowed(blocks[0]), plan);
    assert_eq!(allowed(blocks[1]), writes);
}
