//! What the plan says of its order: how many calls, in how many layers, and whether traffic stays as it was at every step.

use crate::plan::{Order, Plan, Schedule, lapses};

use super::{TextStyle, Tone, count, escape};

/// Most lines of traffic that is cut or let through for a while, without `--verbose`.
const MOST_LAPSES: usize = 8;

/// `39 calls, 4 layers`, and why it is not the least, if so; `None`: no call.
pub(crate) fn size(plan: &Plan) -> Option<String> {
    let calls = plan.counts().calls;
    // Schedules run side by side: the longest one says how many waves there are.
    let waves = plan.schedules.iter().map(|schedule| schedule.waves.len());
    let waves = waves.max().unwrap_or(0);
    let more = more_than_least(plan, calls);
    (calls > 0).then(|| format!("{}, {}{more}", count(calls, "call"), count(waves, "layer")))
}

/// Why a plan makes more calls than full batches would, if it does.
fn more_than_least(plan: &Plan, calls: usize) -> String {
    let more = calls.saturating_sub(plan.least_calls());
    if more == 0 {
        return String::new();
    }
    let because = match &in_turns(plan)[..] {
        [] => "rules with opposite verdicts for the same traffic come, or go, one after the other"
            .to_owned(),
        [one] => {
            format!("{one} has no room for old and new rules together and is changed in turns")
        }
        many => format!(
            "{} have no room for old and new rules together and are changed in turns",
            count(many.len(), "group")
        ),
    };
    format!("; {more} more than the least, because {because}")
}

/// Groups that are changed in turns.
fn in_turns(plan: &Plan) -> Vec<String> {
    let groups = plan.groups.iter();
    let in_turn = groups.filter(|group| group.in_turn.is_some());
    in_turn.map(|group| escape(group.name.as_str())).collect()
}

/// Whether traffic stays as it was at every step, or what does not.
pub(super) fn order(plan: &Plan, size: &str, style: &TextStyle) -> String {
    let mut lines = lapsing(plan, style);
    let left_out = |of: fn(&Schedule) -> usize| plan.schedules.iter().map(of).sum::<usize>();
    let with_turns = match left_out(|schedule| schedule.turns_left_out) {
        0 => String::new(),
        pairs => format!(", {pairs} of them with a group that is changed in turns"),
    };
    let pairs = match left_out(|schedule| schedule.pairs_left_out) {
        0 => String::new(),
        pairs => format!(
            "  interfaces in two groups: {} not replayed together{with_turns}\n",
            count(pairs, "pair")
        ),
    };
    // Their order was not made for interfaces in any other group as well, only looked at with those that are planned.
    let alone = match &in_turns(plan)[..] {
        [] => String::new(),
        [one] => alone(&format!("{one} is")),
        many => alone(&format!("{} are", count(many.len(), "group"))),
    };
    let mut left_out = alone + &pairs;
    for group in &plan.groups {
        let Some(turns) = &group.in_turn else {
            continue;
        };
        let name = escape(group.name.as_str());
        if turns.orders_left_out {
            lines.push(format!(
                "  {name}: not every order was tried, there may be a safe one"
            ));
        }
        if turns.memberships_left_out {
            left_out.push_str(&format!(
                "  {name}: peers that are in three groups or unread lists at once were not looked at\n"
            ));
        }
        if turns.pairs_left_out > 0 {
            left_out.push_str(&format!(
                "  {name}: not replayed together with {} that may share an interface with it\n",
                count(turns.pairs_left_out, "group")
            ));
        }
    }
    let order = Order::of(plan);
    let heading = format!("order: {order} ({size})");
    let mut text = match order {
        Order::Safe => heading,
        Order::NotProved | Order::NotSafe => style.paint(Tone::Removed, heading),
    };
    text.push('\n');
    for line in lines {
        text.push_str(&format!("{}\n", style.paint(Tone::Removed, escape(&line))));
    }
    text + &left_out
}

/// What is not for a while what it is before and after, a line each.
fn lapsing(plan: &Plan, style: &TextStyle) -> Vec<String> {
    let groups = plan.groups.iter();
    let all: Vec<String> = groups
        .flat_map(|group| lapses(group).into_iter().map(move |lapse| (group, lapse)))
        .map(|(group, lapse)| {
            let with = lapse.with.as_ref();
            let with = with.map(|with| format!(" on interfaces also in {with}"));
            let with = with.unwrap_or_default();
            let what = if lapse.opens { "lets through" } else { "cuts" };
            let layers = lapse.layers();
            format!(
                "  {} {layers} {what} for a while{with}: {}",
                group.name, lapse.traffic
            )
        })
        .collect();
    let shown = if style.verbose {
        usize::MAX
    } else {
        MOST_LAPSES
    };
    let rest = all.len().saturating_sub(shown);
    let mut lines: Vec<String> = all.into_iter().take(shown).collect();
    if rest > 0 {
        lines.push(format!("  … and {rest} more; --verbose lists them"));
    }
    lines
}

fn alone(who: &str) -> String {
    format!(
        "  {who} changed in turns: not replayed for interfaces that are also in a group outside this plan\n"
    )
}
