//! Plans, drift and apply reports as one HTML page that can be kept as an artifact: no request, no dependency.
//!
//! Everything is there without the script, which filters and chooses the theme.

mod page;
#[cfg(test)]
mod tests;

use crate::{
    apply::{GroupOutcome, Report},
    model::ObservedRule,
    plan::{Change, ChangeKind, GroupPlan, Order},
};

use self::page::{page, safe};

use super::{
    Review, Subject,
    checked::Checked,
    finding::Finding,
    text::{self, TextStyle, count},
};

/// How rules are drawn before they are put into cells: nothing is cut.
const STYLE: TextStyle = TextStyle {
    width: 120,
    colour: false,
    verbose: false,
};

/// A plan, or drift.
pub fn review(review: &Review<'_>) -> String {
    let headline = review.headline();
    let mut main = findings(&review.fresh().collect::<Vec<_>>(), "Findings");
    main.push_str(&traffic(review));
    main.push_str(&groups(review));
    main.push_str(&findings(
        &review.known().collect::<Vec<_>>(),
        "Known findings",
    ));
    page(
        &format!("{headline} - rulekeep"),
        &header(review, &headline),
        &main,
        &footer(review),
    )
}

/// What was found where there is no plan.
pub fn checked(message: &str, checked: &Checked<'_>) -> String {
    let all: Vec<&Finding> = checked.findings.iter().collect();
    let header = format!("<h1>{}</h1>\n", safe(message));
    let footer = format!("<p>rulekeep {}</p>\n", checked.command);
    page(message, &header, &findings(&all, "Findings"), &footer)
}

/// What came of an apply.
pub fn applied(report: &Report) -> String {
    let headline = text::applied_summary(report);
    let headline = headline.trim_end_matches('.');
    let mut main = String::new();
    for group in &report.groups {
        let (word, _) = text::ending(group);
        let class = match group.outcome {
            GroupOutcome::Done => "add",
            GroupOutcome::Failed { .. } => "del",
            _ => "mod",
        };
        let details = text::applied_details(group);
        let lines: String = details
            .lines()
            .map(|line| format!("<p class=\"none mono\">{}</p>\n", safe(line.trim())))
            .collect();
        // What went well needs no look.
        let open = if group.outcome == GroupOutcome::Done {
            ""
        } else {
            " open"
        };
        main.push_str(&format!(
            "<details class=\"group\"{open}><summary><h3>{}</h3> <span class=\"tag {class}\">{word}</span>{}\
             <span class=\"where\">{}</span></summary>\n{lines}</details>\n",
            safe(&group.name),
            counts(group.added, group.changed, group.destroyed),
            safe(&group.address.to_string()),
        ));
    }
    let header = format!("<h1>{}</h1>\n", safe(headline));
    let footer = format!("<p>Run <code>{}</code></p>\n", safe(&report.run_id));
    page(&format!("{headline} - rulekeep"), &header, &main, &footer)
}

/// Why nothing was applied.
pub fn unapplied(message: &str, reasons: &[String], findings: &[Finding]) -> String {
    let all: Vec<&Finding> = findings.iter().collect();
    let mut main = self::findings(&all, "Findings");
    if all.is_empty() {
        let lines = reasons
            .iter()
            .map(|reason| format!("<li class=\"finding error\">{}</li>\n", safe(reason)));
        main.push_str(&format!(
            "<ul class=\"findings\">\n{}</ul>\n",
            lines.collect::<String>()
        ));
    }
    let header = format!("<h1>Not applied: {}</h1>\n", safe(message));
    page(
        "Not applied - rulekeep",
        &header,
        &main,
        "<p>Nothing was changed.</p>\n",
    )
}

fn header(review: &Review<'_>, headline: &str) -> String {
    let counts = review.plan.plan.counts();
    let words = match review.subject {
        Subject::Plan => ["to add", "to change", "to destroy"],
        Subject::Drift => ["missing", "different", "live only"],
    };
    let chip = |class: &str, sign: &str, n: usize, word: &str| {
        format!("<li class=\"chip {class}\">{sign}{n} {word}</li>\n")
    };
    let mut chips = [
        chip("add", "+", counts.add, words[0]),
        chip("mod", "~", counts.change, words[1]),
        chip("del", "−", counts.destroy, words[2]),
    ]
    .concat();
    if counts.unmanaged > 0 {
        chips.push_str(&chip("", "", counts.unmanaged, "unmanaged"));
    }
    let all = &review.plan.plan.groups;
    chips.push_str(&format!(
        "<li class=\"chip\">{} of {} with changes</li>\n",
        review.changed().count(),
        count(all.len(), "group")
    ));
    let size = text::size(review.plan.plan).filter(|_| review.subject == Subject::Plan);
    let order = match size {
        None => String::new(),
        Some(size) => match Order::of(review.plan.plan) {
            Order::Safe => format!("<p class=\"facts\">Order: {} ({size}).</p>\n", Order::Safe),
            order => {
                format!("<p class=\"facts\"><strong>Order: {order}</strong> ({size}).</p>\n")
            }
        },
    };
    format!(
        "<h1>{}</h1>\n<ul class=\"chips\">\n{chips}</ul>\n{order}",
        safe(headline)
    )
}

fn findings(findings: &[&Finding], title: &str) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let items: String = findings.iter().map(|finding| item(finding)).collect();
    format!(
        "<section>\n<h2>{title} ({})</h2>\n<ul class=\"findings\">\n{items}</ul>\n</section>\n",
        findings.len()
    )
}

fn item(finding: &Finding) -> String {
    let Finding {
        rule,
        level,
        message,
        help,
        place,
        ..
    } = finding;
    let level = level.as_str();
    let class = match level {
        "error" => "del",
        _ => "mod",
    };
    let known = if finding.is_fresh() { "" } else { " known" };
    let group = match finding.group_name() {
        Some(name) => format!(" in <strong>{}</strong>", safe(name)),
        None => String::new(),
    };
    let place = match place {
        Some(place) => format!(
            " <span class=\"faint mono\">{}:{}</span>",
            safe(&place.file),
            place.line
        ),
        None => String::new(),
    };
    let help: String = help
        .iter()
        .filter(|line| !line.is_empty())
        .map(|line| format!("<li>{}</li>", with_code(line)))
        .collect();
    let help = match help.is_empty() {
        true => help,
        false => format!("<ul>{help}</ul>"),
    };
    format!(
        "<li class=\"finding {level}{known}\"><span class=\"tag {class}\">{level}</span> <code>{}</code>{group}{place}\
         <p>{}</p>{help}</li>\n",
        safe(&rule.id),
        with_code(message)
    )
}

/// A text in which what stands between backticks is code.
fn with_code(text: &str) -> String {
    let pieces: Vec<&str> = text.split('`').collect();
    if pieces.len().is_multiple_of(2) {
        return safe(text);
    }
    let pieces = pieces.iter().enumerate();
    pieces
        .map(|(index, piece)| match index % 2 {
            0 => safe(piece),
            _ => format!("<code>{}</code>", safe(piece)),
        })
        .collect()
}

/// What all changes mean: newly admitted beside no longer admitted; of drift, what is admitted now beside what is not.
fn traffic(review: &Review<'_>) -> String {
    let mut columns = String::new();
    for side in review.subject.sides() {
        let class = side.class;
        let mut items = String::new();
        let mut n = 0;
        for group in review.changed() {
            let name = safe(&review.name(group));
            let said = text::said(group, &review.plan, usize::MAX);
            for said in said.iter().filter(|said| said.tone == side.tone) {
                let sentence = safe(side.text(said));
                let why = why(&side.why(said, review.subject));
                if said.is_exception {
                    items.push_str(&format!("<li class=\"{class} but\">{sentence}{why}</li>\n"));
                    continue;
                }
                n += 1;
                items.push_str(&format!(
                    "<li class=\"{class}\"><span class=\"who\">{name}</span> {sentence}{why}</li>\n"
                ));
            }
        }
        if n > 0 {
            let title = side.title;
            columns.push_str(&format!("<section>\n<h2>{title} ({n})</h2>\n<ul class=\"sentences\">\n{items}</ul>\n</section>\n"));
        }
    }
    match (columns.is_empty(), review.changed().next().is_some()) {
        (true, true) => {
            let same = match review.subject {
                Subject::Plan => "The changes admit and refuse the same traffic.",
                Subject::Drift => "The cloud admits the same traffic as the files.",
            };
            format!("<h2>Traffic</h2>\n<p>{same}</p>\n")
        }
        (true, false) => String::new(),
        (false, _) => format!("<div class=\"traffic\">\n{columns}</div>\n"),
    }
}

/// The rules that decide.
fn why(rules: &str) -> String {
    match rules {
        "" => String::new(),
        rules => format!(" <span class=\"why\">{}</span>", safe(rules)),
    }
}

fn groups(review: &Review<'_>) -> String {
    let all = &review.plan.plan.groups;
    let (shown, calm): (Vec<&GroupPlan>, Vec<&GroupPlan>) = all
        .iter()
        .partition(|group| !group.changes.is_empty() || !group.unmanaged.is_empty());
    let mut text = String::new();
    if !shown.is_empty() {
        let [added, changed, deleted] = words(review.subject);
        text.push_str(&format!(
            "<h2>Rules</h2>\n<div class=\"bar\" id=\"bar\" role=\"search\" hidden>\n\
             <label class=\"visually-hidden\" for=\"filter\">Filter rules</label>\n\
             <input type=\"search\" id=\"filter\" placeholder=\"Filter: group, address, port, file ..\" autocomplete=\"off\" spellcheck=\"false\">\n\
             <button type=\"button\" data-kind=\"add\" aria-pressed=\"true\">+ {added}</button>\n\
             <button type=\"button\" data-kind=\"mod\" aria-pressed=\"true\">~ {changed}</button>\n\
             <button type=\"button\" data-kind=\"del\" aria-pressed=\"true\">− {deleted}</button>\n\
             <button type=\"button\" data-kind=\"unm\" aria-pressed=\"true\">? unmanaged</button>\n\
             <output id=\"told\" for=\"filter\" aria-live=\"polite\"></output>\n</div>\n",
        ));
        text.extend(shown.iter().map(|group| block(review, group)));
    }
    if !calm.is_empty() {
        let names: String = calm
            .iter()
            .map(|group| format!("<li>{}</li>\n", safe(&review.name(group))))
            .collect();
        text.push_str(&format!(
            "<h2>Unchanged ({})</h2>\n<ul class=\"calm\">\n{names}</ul>\n",
            calm.len()
        ));
    }
    text
}

fn block(review: &Review<'_>, group: &GroupPlan) -> String {
    let counts = group.counts();
    let mut rows: String = group
        .changes
        .iter()
        .map(|change| changed(review, change))
        .collect();
    rows.extend(group.unmanaged.iter().map(left_alone));
    // A group in which nothing is done needs no look.
    let open = if group.changes.is_empty() {
        ""
    } else {
        " open"
    };
    format!(
        "<details class=\"group\"{open}><summary><h3>{}</h3>{}<span class=\"where\">{} · {} · {} · {}</span></summary>\n\
         <table>\n<thead><tr><th scope=\"col\"><span class=\"visually-hidden\">Change</span></th><th scope=\"col\">Direction</th>\
         <th scope=\"col\">Policy</th><th scope=\"col\">Protocol</th><th scope=\"col\">Peer</th><th scope=\"col\">Priority</th>\
         <th scope=\"col\">Description</th><th scope=\"col\">Where</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</details>\n",
        safe(&review.name(group)),
        self::counts(counts.add, counts.change, counts.destroy),
        safe(group.address.group.as_str()),
        safe(&group.observed.info.network.to_string()),
        safe(&text::modes(group)),
        safe(&review.plan.sources.place(group.span)),
    )
}

fn counts(add: usize, change: usize, destroy: usize) -> String {
    format!(
        "<span class=\"counts\"><span class=\"add\">+{add}</span> <span class=\"mod\">~{change}</span> <span class=\"del\">−{destroy}</span></span>"
    )
}

/// What a row is.
fn words(subject: Subject) -> [&'static str; 3] {
    match subject {
        Subject::Plan => ["added", "changed", "deleted"],
        Subject::Drift => ["missing", "differs", "live only"],
    }
}

fn changed(review: &Review<'_>, change: &Change) -> String {
    let row = text::change_row(change, &review.plan, &STYLE);
    let [added, modified, deleted] = words(review.subject);
    let (class, sign, word) = match change.kind {
        ChangeKind::Add(_) => ("add", "+", added),
        ChangeKind::Modify { .. } => ("mod", "~", modified),
        ChangeKind::Delete(_) => ("del", "−", deleted),
    };
    line(
        class,
        sign,
        word,
        &row.cells,
        &row.description.whole(),
        &row.place,
    )
}

fn left_alone(seen: &ObservedRule) -> String {
    let cells = text::live_cells(&seen.rule);
    let description = text::escape(seen.rule.description.as_deref().unwrap_or_default());
    let id = seen
        .id
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    line("unm", "?", "unmanaged", &cells, &description, &id)
}

fn line(
    class: &str,
    sign: &str,
    word: &str,
    cells: &[String],
    description: &str,
    place: &str,
) -> String {
    let classes = ["mono", "mono", "mono", "mono peer", "mono priority"];
    let cells: String = classes
        .iter()
        .zip(cells)
        .map(|(class, cell)| {
            let moved = if cell.contains(" → ") { " moved" } else { "" };
            let cell = cell.strip_prefix("prio ").unwrap_or(cell);
            format!("<td class=\"{class}{moved}\">{}</td>", safe(cell))
        })
        .collect();
    format!(
        "<tr class=\"{class}\"><td class=\"sign\"><span aria-hidden=\"true\">{sign}</span><span class=\"visually-hidden\">{word}</span></td>\
         {cells}<td class=\"text\">{}</td><td class=\"mono place\">{}</td></tr>\n",
        safe(description),
        safe(place)
    )
}

fn footer(review: &Review<'_>) -> String {
    let stamp = review.plan.stamp;
    let mut facts = Vec::new();
    if let Some(commit) = &stamp.commit {
        let dirty = match stamp.dirty {
            Some(true) => " with uncommitted changes",
            _ => "",
        };
        facts.push(format!("Commit <code>{}</code>{dirty}", safe(commit)));
    }
    facts.push(format!("Plan <code>{}</code>", review.plan.plan.id()));
    facts.push(format!(
        "made {}",
        stamp.timestamp.strftime("%Y-%m-%d %H:%M UTC")
    ));
    let next = if review.plan.is_applyable() {
        format!("To apply: <code>{}</code>", safe(review.apply))
    } else if review.plan.is_errored() {
        "Nothing can be applied before the errors above are mended.".to_owned()
    } else if !review.plan.refusals.is_empty() {
        format!(
            "The guard refuses <code>{}</code> until the errors above are mended or let through.",
            safe(review.apply)
        )
    } else {
        "There is nothing to apply.".to_owned()
    };
    format!("<p>{}</p>\n<p>{next}</p>\n", facts.join(" · "))
}
