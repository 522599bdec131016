//! When changes may be made by themselves: `windows` of the project file, and what it says of a moment.

use jiff::{
    Timestamp, ToSpan as _,
    civil::{Date, DateTime, Time, Weekday},
    tz::TimeZone,
};

use crate::{
    desired::{
        fields::{Fields, Out, Shape, list, one_or_many, text},
        yaml::Node,
    },
    diag::{Code, Diagnostic},
};

/// Keys of `windows`.
pub(super) const WINDOWS: Shape = Shape {
    what: "`windows`",
    keys: &["timezone", "allow", "freeze"],
    synonyms: &[
        ("tz", "`timezone`"),
        ("zone", "`timezone`"),
        ("deny", "`freeze`"),
    ],
};

/// Keys of a window.
pub(super) const WINDOW: Shape = Shape {
    what: "a window",
    keys: &["days", "from", "to"],
    synonyms: &[("start", "`from`"), ("end", "`to`"), ("until", "`to`")],
};

/// Keys of a freeze.
pub(super) const FREEZE: Shape = Shape {
    what: "a freeze",
    keys: &["from", "to", "reason"],
    synonyms: &[
        ("start", "`from`"),
        ("end", "`to`"),
        ("until", "`to`"),
        ("because", "`reason`"),
    ],
};

/// The days of a week as they are written.
const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// How far ahead the next window is looked for.
const HORIZON_DAYS: i32 = 400;

/// When changes may be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows {
    zone: TimeZone,
    /// Empty: at any time that is not frozen.
    allow: Vec<Window>,
    freeze: Vec<Freeze>,
}

/// Hours of some days of the week, from the first moment to before the last one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Window {
    days: Vec<Weekday>,
    from: Time,
    /// `None`: the end of the day. At or before `from`: on the next day.
    to: Option<Time>,
}

/// Days without changes, both included.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Freeze {
    from: Date,
    to: Date,
    reason: Option<String>,
}

/// What `windows` says of a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Changes may be made.
    Open,
    /// They may not.
    Closed {
        /// When they may again; `None`: not within a year.
        until: Option<Timestamp>,
        /// Why not, in a few words.
        reason: String,
    },
}

impl Windows {
    /// Whether changes may be made at a moment.
    pub fn at(&self, moment: Timestamp) -> Opening {
        let here = moment.to_zoned(self.zone.clone()).datetime();
        match self.obstacle(here) {
            None => Opening::Open,
            Some(reason) => Opening::Closed {
                until: self.next(moment, here),
                reason,
            },
        }
    }

    /// A moment as it is told to people who think in the zone of the windows.
    pub fn told(&self, moment: Timestamp) -> String {
        let here = moment.to_zoned(self.zone.clone());
        here.strftime("%Y-%m-%d %H:%M %Z").to_string()
    }

    /// Why not at a moment, if so.
    fn obstacle(&self, here: DateTime) -> Option<String> {
        let frozen = self
            .freeze
            .iter()
            .find(|freeze| (freeze.from..=freeze.to).contains(&here.date()));
        if let Some(Freeze { from, to, reason }) = frozen {
            let reason = reason.as_ref().map(|reason| format!(": {reason}"));
            return Some(format!(
                "frozen from {from} to {to}{}",
                reason.unwrap_or_default()
            ));
        }
        let is_open = self.allow.is_empty() || self.allow.iter().any(|window| window.has(here));
        (!is_open).then(|| "outside of every window".to_owned())
    }

    /// The first moment after this one at which nothing stands in the way.
    fn next(&self, moment: Timestamp, here: DateTime) -> Option<Timestamp> {
        // Only where a window opens, or a day begins, can something end that stands in the way.
        let openings = self.allow.iter().map(|window| window.from);
        let mut times: Vec<Time> = openings.chain([Time::midnight()]).collect();
        times.sort_unstable();
        let days = (0..=HORIZON_DAYS).filter_map(|days| here.date().checked_add(days.days()).ok());
        let candidates = days.flat_map(|day| times.iter().map(move |time| day.to_datetime(*time)));
        candidates
            .filter_map(|at| {
                // An hour that summer time leaves out begins when it ends.
                let begins = at.to_zoned(self.zone.clone()).ok()?;
                (begins.timestamp() > moment && self.obstacle(begins.datetime()).is_none())
                    .then(|| begins.timestamp())
            })
            .min()
    }
}

impl Window {
    fn has(&self, here: DateTime) -> bool {
        let Self { days, from, to } = self;
        let (today, time) = (here.weekday(), here.time());
        let yesterday = today.previous();
        match to {
            None => days.contains(&today) && time >= *from,
            Some(to) if from < to => days.contains(&today) && time >= *from && time < *to,
            Some(to) => {
                (days.contains(&today) && time >= *from)
                    || (days.contains(&yesterday) && time < *to)
            }
        }
    }
}

/// Reads `windows`.
pub(super) fn read(node: &Node<'_>, out: &mut Out) -> Option<Windows> {
    let before = out.len();
    let fields = Fields::read(node, &WINDOWS, out)?;
    let zone = match fields.get("timezone") {
        None => Some(TimeZone::UTC),
        Some(node) => zone(node, out),
    };
    let items = |key: &str, out: &mut Out| match fields.get(key) {
        None => Vec::new(),
        Some(node) => list(node, key, out).unwrap_or_default().iter().collect(),
    };
    let mut allow = Vec::new();
    for item in items("allow", out) {
        allow.extend(window(item, out));
    }
    let mut freezes = Vec::new();
    for item in items("freeze", out) {
        freezes.extend(freeze(item, out));
    }
    if let Some(node) = fields.get("allow")
        && allow.is_empty()
        && out.len() == before
    {
        out.push(
            Diagnostic::error(Code::InvalidValue, "`allow` has no window: no change could ever be made")
                .label(node.span, "empty")
                .help("leave `allow` out for changes at any time, or write a window: { days: mon-fri, from: \"09:00\", to: \"17:00\" }"),
        );
    }
    (out.len() == before).then_some(Windows {
        zone: zone?,
        allow,
        freeze: freezes,
    })
}

fn zone(node: &Node<'_>, out: &mut Out) -> Option<TimeZone> {
    let written = text(node, "timezone", out)?;
    if let Ok(zone) = TimeZone::get(written) {
        return Some(zone);
    }
    out.push(
        Diagnostic::error(
            Code::InvalidDate,
            format!("`{written}` is not the name of a time zone"),
        )
        .label(node.span, "not a time zone")
        .help("write one of the IANA database, such as Asia/Shanghai, Europe/Berlin or UTC"),
    );
    None
}

fn window(node: &Node<'_>, out: &mut Out) -> Option<Window> {
    let fields = Fields::read(node, &WINDOW, out)?;
    let days = match fields.get("days") {
        None => Some(DAYS.map(|(_, day)| day).to_vec()),
        Some(node) => days(node, out),
    };
    let from = match fields.get("from") {
        None => Some(Time::midnight()),
        Some(node) => time(node, "from", out).map(|from| from.unwrap_or(Time::midnight())),
    };
    let to = match fields.get("to") {
        None => Some(None),
        Some(node) => time(node, "to", out),
    };
    Some(Window {
        days: days?,
        from: from?,
        to: to?,
    })
}

/// `mon-fri`, `sat`, `[mon, wed-fri]`, `fri-mon`.
fn days(node: &Node<'_>, out: &mut Out) -> Option<Vec<Weekday>> {
    let items = one_or_many(node, "days", out)?;
    let mut days = Vec::new();
    for item in items {
        let written = text(item, "days", out)?;
        let day = |name: &str| {
            let name = name.trim().to_ascii_lowercase();
            let known = DAYS.iter().find(|(short, day)| {
                let long = format!("{day:?}").to_ascii_lowercase();
                name == *short || name == long
            });
            known.map(|(_, day)| *day)
        };
        let range = match written.split_once('-') {
            None => day(written).map(|day| (day, day)),
            Some((first, last)) => day(first).zip(day(last)),
        };
        let Some((first, last)) = range else {
            out.push(
                Diagnostic::error(
                    Code::InvalidDate,
                    format!("`{written}` are no days of the week"),
                )
                .label(item.span, "not days")
                .help("write mon, tue, wed, thu, fri, sat, sun, or a range such as mon-fri"),
            );
            return None;
        };
        let mut day = first;
        loop {
            if !days.contains(&day) {
                days.push(day);
            }
            if day == last {
                break;
            }
            day = day.next();
        }
    }
    Some(days)
}

/// `09:00`; `24:00` is the end of the day.
fn time(node: &Node<'_>, key: &str, out: &mut Out) -> Option<Option<Time>> {
    let written = text(node, key, out)?;
    if key == "to" && written == "24:00" {
        return Some(None);
    }
    let parts = written
        .split_once(':')
        .filter(|(hour, minute)| hour.len() == 2 && minute.len() == 2)
        .and_then(|(hour, minute)| {
            let digits = |text: &str| text.parse::<i8>().ok();
            Time::new(digits(hour)?, digits(minute)?, 0, 0).ok()
        });
    if parts.is_none() {
        out.push(
            Diagnostic::error(Code::InvalidDate, format!("`{written}` is not a time of day"))
                .label(node.span, "not a time")
                .help("write hours and minutes in quotes, such as \"09:00\"; \"24:00\" is the end of the day"),
        );
    }
    parts.map(Some)
}

fn freeze(node: &Node<'_>, out: &mut Out) -> Option<Freeze> {
    let fields = Fields::read(node, &FREEZE, out)?;
    let mut date = |key: &str| {
        let Some(node) = fields.get(key) else {
            if !fields.meant(key) {
                out.push(
                    Diagnostic::error(Code::MissingKey, format!("the freeze has no `{key}`"))
                        .label(fields.head(), format!("no `{key}`"))
                        .help("write both days: { from: 2026-12-24, to: 2027-01-02 }"),
                );
            }
            return None;
        };
        let written = text(node, key, out)?;
        let parsed = (written.len() == 10).then(|| written.parse::<Date>().ok());
        let parsed = parsed.flatten();
        if parsed.is_none() {
            out.push(
                Diagnostic::error(Code::InvalidDate, format!("`{written}` is not a date"))
                    .label(node.span, "not a date")
                    .help("write a date such as 2026-12-24; both days belong to the freeze"),
            );
        }
        parsed
    };
    let (from, to) = (date("from"), date("to"));
    let reason = fields.text("reason", out).map(str::to_owned);
    let (from, to) = (from?, to?);
    if from > to {
        out.push(
            Diagnostic::error(
                Code::InvalidDate,
                format!("the freeze ends on {to}, before it begins on {from}"),
            )
            .label(fields.head(), "reversed")
            .help("exchange the two dates"),
        );
        return None;
    }
    Some(Freeze { from, to, reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        desired::yaml,
        diag::{Sources, render},
    };

    fn windows(text: &str) -> Result<Windows, String> {
        let mut sources = Sources::default();
        let id = sources.add("rulekeep.yaml".into(), text.into());
        let parsed = yaml::parse(id, text);
        let mut out = parsed.diagnostics;
        let read = read(&parsed.documents[0], &mut out);
        match out.is_empty() {
            true => Ok(read.unwrap()),
            false => Err(render(&sources, &out, false)),
        }
    }

    /// `open`, or until when it is closed and why.
    fn at(windows: &Windows, moment: &str) -> String {
        match windows.at(moment.parse().unwrap()) {
            Opening::Open => "open".to_owned(),
            Opening::Closed { until, reason } => match until {
                Some(until) => format!("{until} {reason}"),
                None => format!("never {reason}"),
            },
        }
    }

    #[test]
    fn working_hours_are_those_of_the_zone() {
        let windows = windows(
            "timezone: Asia/Shanghai\nallow: [{ days: mon-fri, from: \"09:00\", to: \"17:00\" }]\n",
        )
        .unwrap();
        // 2026-11-20 is a Friday; Shanghai is eight hours ahead.
        assert_eq!(at(&windows, "2026-11-20T01:00:00Z"), "open");
        assert_eq!(at(&windows, "2026-11-20T08:59:59Z"), "open");
        let closed = "outside of every window";
        assert_eq!(
            at(&windows, "2026-11-20T00:59:59Z"),
            format!("2026-11-20T01:00:00Z {closed}")
        );
        assert_eq!(
            at(&windows, "2026-11-20T09:00:00Z"),
            format!("2026-11-23T01:00:00Z {closed}")
        );
    }

    #[test]
    fn a_window_may_go_on_over_midnight_and_a_week_may_begin_on_friday() {
        let windows =
            windows("allow: [{ days: fri-sat, from: \"22:00\", to: \"02:00\" }]\n").unwrap();
        for open in [
            "2026-11-20T22:00:00Z",
            "2026-11-21T01:59:00Z",
            "2026-11-22T00:30:00Z",
        ] {
            assert_eq!(at(&windows, open), "open", "{open}");
        }
        for closed in [
            "2026-11-20T01:00:00Z",
            "2026-11-21T02:00:00Z",
            "2026-11-22T22:30:00Z",
        ] {
            assert_ne!(at(&windows, closed), "open", "{closed}");
        }
        let whole = super::tests::windows("allow: [{ days: sun, to: \"24:00\" }]").unwrap();
        assert_eq!(at(&whole, "2026-11-22T23:59:59Z"), "open");
        assert_eq!(
            at(&whole, "2026-11-23T00:00:00Z"),
            "2026-11-29T00:00:00Z outside of every window"
        );
    }

    #[test]
    fn a_freeze_wins_over_windows_and_ends_with_its_last_day() {
        let windows = windows(
            "allow: [{ days: mon-fri, from: \"09:00\", to: \"17:00\" }]\n\
             freeze: [{ from: 2026-12-24, to: 2027-01-02, reason: end of the year }]\n",
        )
        .unwrap();
        assert_eq!(at(&windows, "2026-12-23T10:00:00Z"), "open");
        // 2027-01-03 is a Sunday.
        assert_eq!(
            at(&windows, "2026-12-24T10:00:00Z"),
            "2027-01-04T09:00:00Z frozen from 2026-12-24 to 2027-01-02: end of the year"
        );
        let only = super::tests::windows("freeze: [{ from: 2026-12-24, to: 2026-12-24 }]").unwrap();
        assert_eq!(
            at(&only, "2026-12-24T10:00:00Z"),
            "2026-12-25T00:00:00Z frozen from 2026-12-24 to 2026-12-24"
        );
        let ever = super::tests::windows("freeze: [{ from: 2026-01-01, to: 2036-01-01 }]").unwrap();
        assert!(at(&ever, "2026-12-24T10:00:00Z").starts_with("never "));
    }

    #[test]
    fn an_hour_that_summer_time_leaves_out_opens_when_it_ends() {
        let windows = windows(
            "timezone: Europe/Berlin\nallow: [{ days: sun, from: \"02:30\", to: \"05:00\" }]\n",
        )
        .unwrap();
        // On 2026-03-29 the clocks go from 02:00 to 03:00, which is 01:00 UTC.
        let said = at(&windows, "2026-03-29T00:30:00Z");
        assert_eq!(said, "2026-03-29T01:30:00Z outside of every window");
        assert_eq!(at(&windows, "2026-03-29T01:30:00Z"), "open");
    }

    #[test]
    fn what_is_wrong_is_told_all_at_once() {
        let said = windows(
            "timezone: Mars/Olympus\nallow: [{ days: mon-fry, from: 9am }, { dayz: mon }]\n\
             freeze: [{ from: 2026-12-24 }, { from: 2027-01-02, to: 2026-12-24 }, { from: soon, to: 2027-02-30 }]\n",
        )
        .unwrap_err();
        for text in [
            "`Mars/Olympus` is not the name of a time zone",
            "`mon-fry` are no days of the week",
            "`9am` is not a time of day",
            "dayz",
            "the freeze has no `to`",
            "before it begins",
            "`soon` is not a date",
            "`2027-02-30` is not a date",
        ] {
            assert!(said.contains(text), "{text}\n{said}");
        }
        assert!(windows("allow: []").unwrap_err().contains("no window"));
    }
}
