//! A [`Status`] in Prometheus' text format, version 0.0.4.

use std::fmt::Write as _;

use super::status::{BOUNDS, Group, KINDS, RESULTS, Status};

/// The media type of [`text`].
pub(super) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Every metric there is.
pub(super) fn text(status: &Status) -> String {
    let mut out = Lines::default();
    out.head(
        "rulekeep_group_info",
        "gauge",
        "Groups of the last plan, and whether they are as declared.",
    );
    for group in &status.groups {
        let Group {
            place, mode, sync, ..
        } = group;
        let more = [("mode", &**mode), ("sync_status", sync)];
        out.sample("rulekeep_group_info", &labels(place, &more), 1.0);
    }
    out.head(
        "rulekeep_drift_rules",
        "gauge",
        "Rules that differ from what is declared.",
    );
    for group in status
        .groups
        .iter()
        .filter(|group| group.sync != "unreadable")
    {
        for (kind, count) in KINDS.iter().zip(group.drift) {
            let labels = labels(&group.place, &[("kind", kind)]);
            out.sample("rulekeep_drift_rules", &labels, count as f64);
        }
    }
    out.head(
        "rulekeep_apply_total",
        "counter",
        "Applies by what came of them.",
    );
    for (result, count) in RESULTS.iter().zip(status.applies) {
        out.sample("rulekeep_apply_total", &[("result", result)], count as f64);
    }
    out.head(
        "rulekeep_api_requests_total",
        "counter",
        "Requests to the cloud, each try by itself.",
    );
    for ((action, code), count) in &status.requests {
        let labels = [("action", &**action), ("code", &**code)];
        out.sample("rulekeep_api_requests_total", &labels, *count as f64);
    }
    out.head(
        "rulekeep_reconcile_seconds",
        "histogram",
        "How long passes took.",
    );
    for (bound, count) in BOUNDS.iter().zip(status.passes) {
        let bound = bound.to_string();
        out.sample(
            "rulekeep_reconcile_seconds_bucket",
            &[("le", &*bound)],
            count as f64,
        );
    }
    let all = status.all_passes as f64;
    out.sample("rulekeep_reconcile_seconds_bucket", &[("le", "+Inf")], all);
    out.sample("rulekeep_reconcile_seconds_sum", &[], status.seconds);
    out.sample("rulekeep_reconcile_seconds_count", &[], all);
    out.head(
        "rulekeep_last_success_timestamp_seconds",
        "gauge",
        "When the last pass ended that succeeded with the newest files; 0: none has.",
    );
    let last = status
        .last_success
        .map_or(0.0, |last| last.as_millisecond() as f64 / 1000.0);
    out.sample("rulekeep_last_success_timestamp_seconds", &[], last);
    out.0
}

fn labels<'a>(place: &'a [String; 3], more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let [account, region, group] = place;
    let mut all = vec![
        ("account", &**account),
        ("region", region),
        ("group", group),
    ];
    all.extend(more);
    all
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}")
            .expect("writing to a String");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.0.push_str(name);
        for (at, (label, value)) in labels.iter().enumerate() {
            let before = if at == 0 { '{' } else { ',' };
            write!(self.0, "{before}{label}=\"{}\"", escaped(value)).expect("writing to a String");
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        writeln!(self.0, " {value}").expect("writing to a String");
    }
}

/// The value of a label: backslash, quote and line feed are escaped.
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_status_is_told_in_the_text_format() {
        let status = Status {
            groups: vec![Group {
                place: ["a\"b\\c\nd", "cn-hangzhou", "sg-1"].map(str::to_owned),
                mode: "complete".to_owned(),
                sync: "drifted",
                drift: [3, 1, 2],
            }],
            applies: [4, 0, 0, 0, 1],
            passes: [0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
            all_passes: 2,
            seconds: 2000.125,
            last_success: Some(Timestamp::new(1_800_000_000, 500_000_000).unwrap()),
            requests: [(("DescribeSecurityGroups".to_owned(), "200".to_owned()), 7)].into(),
        };
        let text = text(&status);
        for line in [
            r#"rulekeep_group_info{account="a\"b\\c\nd",region="cn-hangzhou",group="sg-1",mode="complete",sync_status="drifted"} 1"#,
            r#"rulekeep_drift_rules{account="a\"b\\c\nd",region="cn-hangzhou",group="sg-1",kind="missing"} 3"#,
            r#"rulekeep_drift_rules{account="a\"b\\c\nd",region="cn-hangzhou",group="sg-1",kind="live_only"} 2"#,
            r#"rulekeep_apply_total{result="complete"} 4"#,
            r#"rulekeep_apply_total{result="partial"} 0"#,
            r#"rulekeep_apply_total{result="refused"} 1"#,
            r#"rulekeep_api_requests_total{action="DescribeSecurityGroups",code="200"} 7"#,
            r#"rulekeep_reconcile_seconds_bucket{le="0.1"} 0"#,
            r#"rulekeep_reconcile_seconds_bucket{le="0.25"} 1"#,
            r#"rulekeep_reconcile_seconds_bucket{le="1"} 1"#,
            r#"rulekeep_reconcile_seconds_bucket{le="+Inf"} 2"#,
            "rulekeep_reconcile_seconds_sum 2000.125",
            "rulekeep_reconcile_seconds_count 2",
            "# TYPE rulekeep_reconcile_seconds histogram",
            "rulekeep_last_success_timestamp_seconds 1800000000.5",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
