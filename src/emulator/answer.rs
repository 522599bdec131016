//! Answers as bytes: JSON, or the same members as XML.

use serde_json::{Map, Value};

use super::error::ApiError;

/// What an action returns besides its request id.
#[derive(Debug)]
pub(super) enum Answer {
    /// Members, to which the request id is added.
    Members(Map<String, Value>),
    /// A complete JSON object, request id included: the way for large answers.
    Json(Vec<u8>),
}

impl Answer {
    /// The answer of an action that has nothing to say but that it was done.
    pub(super) fn done() -> Self {
        Self::Members(Map::new())
    }

    /// The members of a `json!({..})`.
    pub(super) fn of(value: Value) -> Self {
        match value {
            Value::Object(members) => Self::Members(members),
            other => unreachable!("answers are objects, not {other}"),
        }
    }

    /// The JSON text.
    pub(super) fn into_json(self, request_id: &str) -> Vec<u8> {
        match self {
            Self::Json(bytes) => bytes,
            Self::Members(mut members) => {
                members.insert("RequestId".into(), request_id.into());
                Value::Object(members).to_string().into_bytes()
            }
        }
    }
}

/// The form that the client asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Xml,
}

impl Format {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json;charset=utf-8",
            Self::Xml => "text/xml;charset=utf-8",
        }
    }

    /// A JSON object in this form; `root` names the element around it.
    pub(super) fn render(self, root: &str, json: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Json => json,
            Self::Xml => {
                let value = serde_json::from_slice(&json).expect("answers are written as JSON");
                xml(root, &value).into_bytes()
            }
        }
    }
}

/// The body of a refusal, as JSON.
pub(super) fn error_json(error: &ApiError, request_id: &str, host: &str) -> Vec<u8> {
    let code = &*error.code;
    serde_json::json!({
        "RequestId": request_id,
        "HostId": host,
        "Code": code,
        "Message": error.message,
        "Recommend": format!("https://api.aliyun.com/troubleshoot?q={code}&product=Ecs&requestId={request_id}"),
    })
    .to_string()
    .into_bytes()
}

/// Members become elements of the same name, and a list repeats its element.
fn xml(root: &str, value: &Value) -> String {
    let mut text = String::from("<?xml version='1.0' encoding='UTF-8'?>");
    element(&mut text, root, value);
    text
}

fn element(text: &mut String, name: &str, value: &Value) {
    if let Value::Array(items) = value {
        for item in items {
            element(text, name, item);
        }
        return;
    }
    text.push('<');
    text.push_str(name);
    text.push('>');
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                element(text, name, value);
            }
        }
        Value::String(string) => escape(text, string),
        Value::Null => {}
        other => text.push_str(&other.to_string()),
    }
    text.push_str("</");
    text.push_str(name);
    text.push('>');
}

fn escape(text: &mut String, raw: &str) {
    for c in raw.chars() {
        match c {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            '\t' | '\n' | '\r' => text.push_str(&format!("&#{};", u32::from(c))),
            // XML 1.0 has no way to write these.
            c if c < ' ' || c == '\u{fffe}' || c == '\u{ffff}' => text.push('\u{fffd}'),
            c => text.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_repeat_their_element_and_text_is_escaped() {
        let value = serde_json::json!({
            "Tags": {"Tag": [{"K": "a<b & \"c\""}, {"K": "\u{1}"}]}, "N": 1, "B": false, "E": [], "S": "",
        });
        assert_eq!(
            xml("XResponse", &value),
            "<?xml version='1.0' encoding='UTF-8'?><XResponse><B>false</B><N>1</N><S></S>\
             <Tags><Tag><K>a&lt;b &amp; &quot;c&quot;</K></Tag><Tag><K>\u{fffd}</K></Tag></Tags></XResponse>"
        );
    }
}
