//! Faults as people write them: `EFFECT[:NAME=VALUE,..]` on a command line, JSON in files and requests.

use std::str::FromStr;

use serde_json::{Map, Value, json};

use super::{Fault, Faults};

/// Why a text is no fault.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is no fault: {reason}")]
pub struct FaultError {
    text: String,
    reason: String,
}

/// Names that say which calls are struck; the others belong to the effect.
const COMMON: [&str; 4] = ["action", "rate", "skip", "times"];

impl FromStr for Fault {
    type Err = FaultError;

    /// `throttle:rate=0.2,retry_after_ms=500`, `reset:when=after,action=Authorize*`, `truncate`.
    fn from_str(text: &str) -> Result<Self, FaultError> {
        let failed = |reason: String| FaultError {
            text: text.to_owned(),
            reason,
        };
        let (effect, members) = text.split_once(':').unwrap_or((text, ""));
        let mut fault = Map::new();
        let mut inner = Map::new();
        for member in members.split(',').filter(|member| !member.is_empty()) {
            let (name, value) = member
                .split_once('=')
                .ok_or_else(|| failed(format!("`{member}` has no `=`")))?;
            let map = if COMMON.contains(&name) {
                &mut fault
            } else {
                &mut inner
            };
            if map.insert(name.to_owned(), scalar(value)).is_some() {
                return Err(failed(format!("`{name}` is there twice")));
            }
        }
        fault.insert("effect".into(), json!({ effect: inner }));
        let fault: Self = serde_json::from_value(Value::Object(fault))
            .map_err(|error| failed(error.to_string()))?;
        fault.check().map_err(failed)?;
        Ok(fault)
    }
}

/// Numbers and booleans as such, anything else as text.
fn scalar(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value @ (Value::Number(_) | Value::Bool(_))) => value,
        _ => text.into(),
    }
}

impl Fault {
    /// What is wrong with its numbers.
    fn check(&self) -> Result<(), String> {
        if (0.0..=1.0).contains(&self.rate) {
            Ok(())
        } else {
            Err("`rate` is a share from 0 to 1".into())
        }
    }
}

impl Faults {
    /// Reads `{"seed": 7, "clock_skew_seconds": 0, "faults": [{"action": "*", "rate": 0.2, "effect": {"throttle": {}}}]}`.
    pub fn from_json(text: &str) -> Result<Self, FaultError> {
        let failed = |reason: String| FaultError {
            text: "this JSON".into(),
            reason,
        };
        let faults: Self = serde_json::from_str(text).map_err(|error| failed(error.to_string()))?;
        for fault in &faults.faults {
            fault.check().map_err(failed)?;
        }
        Ok(faults)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Effect, Intrusion, When},
        *,
    };

    #[test]
    fn the_short_form_says_what_the_long_one_says() {
        for (text, fault) in [
            ("throttle", Fault::new(Effect::throttle())),
            (
                "throttle:rate=0.2,retry_after_ms=500,action=Authorize*",
                Fault::new(Effect::throttle_for(500))
                    .rate(0.2)
                    .on("Authorize*"),
            ),
            (
                "reset:when=after,times=1,skip=4",
                Fault::new(Effect::reset_after()).times(1).skip(4),
            ),
            (
                "limit:calls=5,window_ms=1000",
                Fault::new(Effect::limit(5, 1000)),
            ),
            (
                "error:status=503,code=ServiceUnavailable,when=after",
                Fault::new(Effect::error_after(503, "ServiceUnavailable")),
            ),
            (
                "intrude:what=remove",
                Fault::new(Effect::intrude(Intrusion::Remove)),
            ),
            ("truncate", Fault::new(Effect::truncate())),
        ] {
            assert_eq!(text.parse::<Fault>().unwrap(), fault, "{text}");
            let faults = Faults::new(3).with(fault);
            let json = serde_json::to_string(&faults).unwrap();
            assert_eq!(Faults::from_json(&json).unwrap(), faults);
        }
        assert_eq!(When::default(), When::Before);
    }

    #[test]
    fn mistakes_are_named() {
        for (text, reason) in [
            ("explode", "unknown variant `explode`"),
            ("throttle:rate=2", "from 0 to 1"),
            ("throttle:rate", "no `=`"),
            ("throttle:when=after", "unknown field `when`"),
            ("latency:min_ms=5", "missing field `max_ms`"),
        ] {
            let error = text.parse::<Fault>().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
