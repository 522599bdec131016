//! The console's JSON: objects with the members of DescribeSecurityGroupAttribute.

use std::ops::Range;

use serde_json::Value;

use crate::{
    exchange::{FileError, FileRule, FileRules, Problem},
    model::{ObservedRule, Priority},
    provider::alibaba::wire,
};

pub(super) fn write(rules: &[ObservedRule]) -> String {
    let rules: Vec<Value> = rules.iter().map(wire::to_json).collect();
    format!("{:#}\n", Value::from(rules))
}

pub(super) fn read(text: &str) -> Result<FileRules, FileError> {
    let text = text.strip_prefix('\u{feff}').map_or(text, |rest| rest);
    if text.trim().is_empty() {
        return Err(FileError::Empty);
    }
    let value: Value =
        serde_json::from_str(text).map_err(|error| FileError::NotJson(error.to_string()))?;
    let items = match &value {
        Value::Array(items) => items,
        other => other
            .get("Permissions")
            .and_then(|wrapper| wrapper.get("Permission"))
            .and_then(Value::as_array)
            .ok_or(FileError::NoRules)?,
    };
    let mut places = places(text, matches!(value, Value::Array(_)));
    places.resize(items.len(), 0..text.len());
    let rules = items.iter().zip(places).map(|(item, place)| FileRule {
        place,
        rule: rule(item),
    });
    Ok(FileRules {
        rules: rules.collect(),
        unknown_columns: Vec::new(),
    })
}

/// One rule in the members of the API.
pub(super) fn rule(item: &Value) -> Result<ObservedRule, Problem> {
    if let Some(outside) = item.get("Priority").and_then(outside) {
        return Err(Problem::Priority(outside));
    }
    wire::from_json(item).map_err(|error| Problem::Unreadable(error.problem))
}

/// A priority that is a number, but none that can be set.
fn outside(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let number: i64 = text.parse().ok()?;
    Priority::new(number).is_err().then_some(text)
}

/// Where the rules stand in sound JSON: the objects of the outer array, or of the first array in an object.
fn places(text: &str, is_array: bool) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    // Depth of objects that are rules: inside one array, and inside the two wrappers where they are there.
    let depth = if is_array { 1 } else { 3 };
    let (mut open, mut start, mut quoted, mut escaped) = (0_usize, 0, false, false);
    let mut inside = is_array;
    for (at, byte) in text.bytes().enumerate() {
        if quoted {
            quoted = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => {
                quoted = true;
                // In the answer of the API other arrays may stand before the rules.
                if open == 2 && !is_array {
                    inside = text[at..].starts_with("\"Permission\"");
                }
            }
            b'{' | b'[' => {
                if open == depth {
                    start = at;
                }
                open += 1;
            }
            b'}' | b']' => {
                open -= 1;
                if open == depth && inside {
                    places.push(start..at + 1);
                }
            }
            _ => {}
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = r#"{"Direction": "ingress", "IpProtocol": "TCP", "PortRange": "22/22", "SourceCidrIp": "10.0.0.0/8", "Policy": "Accept", "Priority": 1, "Description": "a \"[{\" b"}"#;

    #[test]
    fn both_forms_are_read_with_the_place_of_each_rule() {
        let array =
            format!("\u{feff}[\n  {RULE},\n  {{\"Direction\": \"sideways\", \"Priority\": 1}}\n]");
        let answer = format!(
            "{{\"Tags\": {{\"Tag\": [{{}}]}}, \"Permissions\": {{\"Permission\": [{RULE}]}}, \"VpcId\": \"\"}}"
        );
        let read = |text: &str| super::read(text).unwrap().rules;
        let rules = read(&array);
        assert_eq!(rules.len(), 2);
        assert_eq!(&array["\u{feff}".len()..][rules[0].place.clone()], RULE);
        assert_eq!(
            rules[1].rule.as_ref().unwrap_err().to_string(),
            "Direction is `sideways`, which this program does not know"
        );
        let rules = read(&answer);
        assert_eq!(rules.len(), 1);
        assert_eq!(&answer[rules[0].place.clone()], RULE);
        assert_eq!(
            rules[0].rule.as_ref().unwrap().rule.to_string(),
            "ingress accept tcp/22 from 10.0.0.0/8 priority 1"
        );
    }

    #[test]
    fn a_priority_that_cannot_be_set_is_told_from_other_problems() {
        for priority in ["110", "0", "\"101\"", "1000", "-1"] {
            let text = format!(
                "[{}]",
                RULE.replace("\"Priority\": 1", &format!("\"Priority\": {priority}"))
            );
            let rules = read(&text).unwrap().rules;
            assert!(
                matches!(rules[0].rule, Err(Problem::Priority(_))),
                "{priority}"
            );
        }
    }

    #[test]
    fn what_is_no_list_of_rules_is_refused() {
        assert_eq!(read(" "), Err(FileError::Empty));
        assert_eq!(read("{\"Permissions\": []}"), Err(FileError::NoRules));
        assert!(matches!(read("[1,"), Err(FileError::NotJson(_))));
    }
}
