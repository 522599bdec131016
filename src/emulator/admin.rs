//! `/-/..` on the same listener, for those who steer the emulator instead of calling the cloud. Off unless asked for.
//!
//! | request | answer |
//! | --- | --- |
//! | `GET /-/calls` | the call log, `{"calls": [..]}` |
//! | `DELETE /-/calls` | forgets it |
//! | `GET /-/faults`, `PUT /-/faults` | what goes wrong |
//! | `GET /-/switches`, `PUT /-/switches` | variants of behaviour; what is not given has its default |
//! | `GET /-/state` | everything, in the format of a seed |
//! | `POST /-/reset` | back to the seed |

use serde_json::{Value, json};

use super::{Engine, Faults, RawRequest, Switches};

/// Status and JSON of an answer.
pub(super) type Reply = (u16, String);

/// Where paths begin that are not the cloud's.
pub(super) const PREFIX: &str = "/-/";

/// Answers a request.
pub(super) fn answer(engine: &Engine, request: &RawRequest) -> Reply {
    let from_page = request
        .headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("origin"));
    if from_page {
        return refused(403, "web pages may not steer the emulator");
    }
    let method = match &*request.method {
        "POST" => "PUT",
        other => other,
    };
    match (method, &request.path[PREFIX.len()..]) {
        ("GET", "calls") => done(&json!({ "calls": engine.calls() })),
        ("DELETE", "calls") => {
            engine.forget_calls();
            done(&json!({}))
        }
        ("GET", "faults") => done(&json!(engine.faults())),
        ("PUT", "faults") => put(request, Faults::from_json, |faults| {
            engine.set_faults(faults);
        }),
        ("GET", "switches") => done(&json!(engine.switches())),
        ("PUT", "switches") => put(
            request,
            |text| serde_json::from_str::<Switches>(text),
            |switches| engine.set_switches(switches),
        ),
        ("GET", "state") => (200, engine.state_text()),
        ("PUT", "reset") => match engine.reset() {
            Ok(()) => done(&json!({})),
            Err(error) => refused(500, &error.to_string()),
        },
        (_, "calls" | "faults" | "switches" | "state" | "reset") => {
            refused(405, "the method is not for this path")
        }
        _ => refused(404, "there is calls, faults, switches, state and reset"),
    }
}

fn put<T, E: std::fmt::Display>(
    request: &RawRequest,
    read: impl FnOnce(&str) -> Result<T, E>,
    set: impl FnOnce(T),
) -> Reply {
    match read(&String::from_utf8_lossy(&request.body)) {
        Ok(value) => {
            set(value);
            done(&json!({}))
        }
        Err(error) => refused(400, &error.to_string()),
    }
}

fn done(value: &Value) -> Reply {
    (200, value.to_string())
}

fn refused(status: u16, reason: &str) -> Reply {
    (status, json!({ "error": reason }).to_string())
}
