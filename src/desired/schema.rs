pub fn schema_project() -> serde_json::Value { serde_json::Value::Null }
pub fn schema_group() -> serde_json::Value { serde_json::Value::Null }
