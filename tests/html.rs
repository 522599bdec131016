//! The page of `-o html` in a real browser.
//!
//! Skipped where there is no Chromium, unless RULEKEEP_REQUIRE_CHROMIUM=1 says that there must be one.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

#[path = "common/project.rs"]
mod project;

use project::{EVERY_SHAPE, Project};

/// What no browser may take for markup.
const HOSTILE: &str = "</td></table></script><script>document.title='owned'</script><img src=x onerror=document.title='owned'>";

/// Tries the page and leaves what it saw as JSON in its own text.
const DRIVER: &str = r#"<!DOCTYPE html><meta charset="utf-8"><body>
<iframe id="wide" src="plan.html" width="1280" height="900"></iframe>
<iframe id="phone" src="plan.html" width="390" height="800"></iframe>
<script>
onload = () => {
  const said = {};
  const frame = document.getElementById("wide");
  const page = frame.contentDocument, view = frame.contentWindow;
  const rows = () => [...page.querySelectorAll("tbody tr")].filter((row) => !row.hidden && !row.closest("details").hidden).length;
  const type = (text) => {
    const box = page.getElementById("filter");
    box.value = text;
    box.dispatchEvent(new view.Event("input", { bubbles: true }));
  };
  const back = () => view.getComputedStyle(page.body).backgroundColor;
  said.title = page.title;
  said.lang = page.documentElement.lang;
  said.headings = page.querySelectorAll("h1").length;
  said.scripts = page.scripts.length;
  said.images = page.images.length;
  said.fetched = view.performance.getEntriesByType("resource").length;
  said.unlabelled = [...page.querySelectorAll("input")].filter((input) => input.labels.length === 0).length;
  said.bar = !page.getElementById("bar").hidden;
  said.all = rows();
  type("tcp/22");
  said.ssh = rows();
  said.told = page.getElementById("told").textContent;
  type("no such thing anywhere");
  said.none = rows();
  type("");
  page.querySelector('button[data-kind="del"]').click();
  said.withoutDeletes = rows();
  page.querySelector('button[data-kind="del"]').click();
  said.again = rows();
  const theme = page.getElementById("theme");
  theme.click();
  said.light = back();
  theme.click();
  said.dark = back();
  said.theme = theme.textContent;
  const phone = document.getElementById("phone").contentDocument.documentElement;
  said.phone = phone.scrollWidth;
  document.body.textContent = "said" + JSON.stringify(said) + "end";
};
</script>"#;

/// The browser, or nothing where none is needed.
fn chromium() -> Option<PathBuf> {
    let given = std::env::var_os("RULEKEEP_CHROMIUM").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found = std::env::split_paths(&path)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|file| file.is_file());
    let found = given.or(found);
    if found.is_none() {
        let required = std::env::var("RULEKEEP_REQUIRE_CHROMIUM").is_ok_and(|value| value == "1");
        assert!(
            !required,
            "RULEKEEP_REQUIRE_CHROMIUM=1, and there is no chromium in PATH"
        );
        eprintln!("skipped: there is no chromium in PATH, so the page is not opened in a browser");
    }
    found
}

/// The document once its scripts have run, and what the browser has said of it.
fn opened(chromium: &Path, page: &Path) -> (String, String) {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(chromium)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-extensions",
            "--allow-file-access-from-files",
            "--enable-logging=stderr",
            "--virtual-time-budget=10000",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}", page.display()))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    assert!(output.status.success(), "{}", text(output.stderr));
    (text(output.stdout), text(output.stderr))
}

#[test]
fn the_page_works_in_a_browser() {
    let Some(chromium) = chromium() else { return };
    let project = Project::new(EVERY_SHAPE);
    let rules = format!(
        "group: sg-peer\nmode: complete\ningress:\n  - service: ssh\n    from: 10.0.0.0/8\n    description: \"{HOSTILE}\"\negress: []\n---\n\
         group: sg-old\nmode: complete\nsystem_rules: delete\ningress:\n  - service: ssh\n    from: 10.0.0.0/8\n  - service: https\n    \
         from: [10.0.0.0/8, 192.168.0.0/16]\negress: []\n"
    );
    fs::write(project.path("rules/web.yaml"), rules).unwrap();
    project.done(&["plan", "-o", "html=plan.html"]);
    fs::write(project.path("driver.html"), DRIVER).unwrap();
    let (document, console) = opened(&chromium, &project.path("driver.html"));
    let console: Vec<&str> = console
        .lines()
        .filter(|line| line.contains("CONSOLE"))
        .collect();
    assert!(console.is_empty(), "{console:#?}");
    let json = document
        .split_once("said{")
        .and_then(|(_, rest)| rest.split_once("}end"))
        .unwrap_or_else(|| panic!("the page did not come up:\n{document}"));
    let said: Value = serde_json::from_str(&format!("{{{}}}", json.0)).unwrap();

    assert_eq!(
        said["title"],
        "Plan: 3 to add, 0 to change, 1 to destroy - rulekeep"
    );
    assert_eq!(said["lang"], "en");
    assert_eq!(
        (&said["headings"], &said["scripts"], &said["images"]),
        (&1.into(), &1.into(), &0.into())
    );
    assert_eq!(said["fetched"], 0, "nothing is fetched");
    assert_eq!(said["unlabelled"], 0);
    assert_eq!(said["bar"], true);
    assert_eq!(
        (&said["all"], &said["ssh"], &said["none"]),
        (&4.into(), &1.into(), &0.into())
    );
    assert_eq!(said["told"], "1 of 4 rules");
    assert_eq!(
        (&said["withoutDeletes"], &said["again"]),
        (&3.into(), &4.into())
    );
    assert_eq!(
        (&said["light"], &said["dark"]),
        (&"rgb(255, 255, 255)".into(), &"rgb(13, 17, 23)".into())
    );
    assert_eq!(said["theme"], "Theme: dark");
    let phone = said["phone"].as_u64().unwrap();
    assert!(
        phone <= 390,
        "a phone need not be scrolled sideways: {phone}"
    );
}
