//! The table of `show`: one per direction, as the tabs of the console's page.

use comfy_table::{ContentArrangement, Table, presets};

use crate::{
    model::{Direction, InnerAccess, Network, NicType, ObservedGroup, ObservedRule, Rule},
    report::text::{TextStyle, Tone, count, escape, live_cells},
};

/// A rule and where it is declared.
#[derive(Clone, Debug)]
pub(super) struct Line<'a> {
    /// As it was read.
    pub(super) seen: &'a ObservedRule,
    /// Name of a peer group of the same account.
    pub(super) peer_name: Option<&'a str>,
    /// `file:line`.
    pub(super) declared: Option<String>,
}

/// Draws the group and its rules.
pub(super) fn table(
    group: &ObservedGroup,
    lines: &[Line<'_>],
    directions: &[Direction],
    style: &TextStyle,
) -> String {
    let info = &group.info;
    let mut text = style.paint(Tone::Strong, escape(info.name.as_str()));
    text = format!("{text}  {}  {}", escape(info.id.as_str()), info.network);
    if info.managed {
        text.push_str("  owned by a cloud service");
    }
    if group.inner_access == InnerAccess::Drop {
        text.push_str("  members are kept apart");
    }
    text.push('\n');
    for (direction, nic) in tabs(group, directions) {
        let is_of =
            |rule: &Rule| rule.direction == direction && nic.is_none_or(|nic| rule.nic == nic);
        let of: Vec<_> = lines.iter().filter(|line| is_of(&line.seen.rule)).collect();
        let all = group.rules.iter();
        let all = all.filter(|seen| is_of(&seen.rule)).count();
        let shown = if of.len() == all {
            count(all, "rule")
        } else {
            format!("{} of {}", of.len(), count(all, "rule"))
        };
        let title = match (direction, nic) {
            (Direction::Ingress, None) => "Ingress",
            (Direction::Egress, None) => "Egress",
            (Direction::Ingress, Some(NicType::Intranet)) => "Ingress, private interface",
            (Direction::Ingress, Some(NicType::Internet)) => "Ingress, public interface",
            (Direction::Egress, Some(NicType::Intranet)) => "Egress, private interface",
            (Direction::Egress, Some(NicType::Internet)) => "Egress, public interface",
        };
        text.push_str(&format!(
            "\n{}  {shown}\n",
            style.paint(Tone::Strong, title)
        ));
        if !of.is_empty() {
            text.push_str(&drawn(direction, &of, style));
        }
    }
    text
}

fn drawn(direction: Direction, lines: &[&Line<'_>], style: &TextStyle) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(style.width).unwrap_or(u16::MAX))
        .set_header([
            "Policy",
            "Priority",
            "Protocol",
            match direction {
                Direction::Ingress => "Source",
                Direction::Egress => "Destination",
            },
            "Description",
            "Rule",
            "Created",
            "Declared",
        ]);
    for line in lines {
        let Line {
            seen,
            peer_name,
            declared,
        } = line;
        let [_, policy, protocol, path, _] = live_cells(&seen.rule);
        let bare = path
            .strip_prefix(direction.preposition())
            .map_or(path.as_str(), str::trim_start);
        // The tab says the interface.
        let bare = bare.strip_suffix(" on internet").unwrap_or(bare);
        let mut peer = match &seen.rule.peer_owner {
            Some(owner) => format!("{owner}/{bare}"),
            None => bare.to_owned(),
        };
        if let Some(name) = peer_name {
            peer = format!("{peer} ({})", escape(name));
        }
        let created = seen
            .facts
            .as_ref()
            .and_then(|facts| facts.created.as_deref());
        table.add_row([
            policy,
            seen.rule.priority.to_string(),
            protocol,
            peer,
            escape(seen.rule.description.as_deref().unwrap_or_default()),
            escape(seen.id.as_ref().map_or("-", |id| id.as_str())),
            escape(created.map_or("-", |created| created.split('T').next().unwrap_or(created))),
            declared.as_deref().map_or_else(|| "-".to_owned(), escape),
        ]);
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The tabs of the console: two, and four in the classic network, where each interface has rules of its own.
fn tabs(group: &ObservedGroup, directions: &[Direction]) -> Vec<(Direction, Option<NicType>)> {
    let nics: &[Option<NicType>] = match group.info.network {
        Network::Vpc(_) => &[None],
        Network::Classic => &[Some(NicType::Internet), Some(NicType::Intranet)],
    };
    let of = |direction: &Direction| {
        nics.iter()
            .map(|nic| (*direction, *nic))
            .collect::<Vec<_>>()
    };
    directions.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use snapbox::{assert_data_eq, prelude::*, str};

    use crate::report::sample::{self, Files};

    use super::*;

    #[test]
    fn each_direction_is_a_table_with_the_place_of_each_rule() {
        let mut group = sample::group("web", &Files::new()).observed;
        group.rules = vec![
            sample::seen(
                "sgr-1",
                "ingress accept tcp/443 from 0.0.0.0/0 priority 1",
                "公网\u{1b}[1m",
            ),
            sample::seen("sgr-2", "ingress drop all from 10.0.0.0/8 priority 100", ""),
        ];
        let lines: Vec<_> = group
            .rules
            .iter()
            .zip([Some("rules/web.yaml:7".to_owned()), None])
            .map(|(seen, declared)| Line {
                seen,
                peer_name: None,
                declared,
            })
            .collect();
        let style = TextStyle {
            width: 120,
            colour: false,
            verbose: false,
        };
        let text = table(&group, &lines, &Direction::BOTH, &style);
        assert_data_eq!(
            text,
            str![[r#"
web  sg-bp1web000000000000  vpc-bp1demo

Ingress  2 rules
 Policy  Priority  Protocol  Source      Description    Rule   Created     Declared
 accept  1         tcp/443   0.0.0.0/0   公网\u{1b}[1m  sgr-1  2021-04-01  rules/web.yaml:7
 drop    100       all       10.0.0.0/8                 sgr-2  2021-04-01  -

Egress  0 rules

"#]]
            .raw()
        );
    }
}
