//! A refusal of the cloud: status, code and message, as its error tables give them.

use std::borrow::Cow;

/// What the API answers when it does not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// The code that clients decide on, with the cloud's own spelling mistakes.
    pub code: Cow<'static, str>,
    /// The text for people.
    pub message: Cow<'static, str>,
}

impl ApiError {
    /// A refusal with any status.
    pub fn new(
        status: u16,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
        }
    }
}

/// A refusal with status 400.
pub(super) fn bad(
    code: impl Into<Cow<'static, str>>,
    message: impl Into<Cow<'static, str>>,
) -> ApiError {
    ApiError::new(400, code, message)
}

/// A refusal with status 403.
pub(super) fn forbidden(
    code: impl Into<Cow<'static, str>>,
    message: impl Into<Cow<'static, str>>,
) -> ApiError {
    ApiError::new(403, code, message)
}

/// A refusal with status 404.
pub(super) fn absent(
    code: impl Into<Cow<'static, str>>,
    message: impl Into<Cow<'static, str>>,
) -> ApiError {
    ApiError::new(404, code, message)
}

/// A parameter without a code of its own that has a wrong value.
pub(super) fn invalid_parameter(name: &str) -> ApiError {
    bad(
        "InvalidParameter",
        format!("The specified parameter {name} is not valid."),
    )
}

/// A parameter without a code of its own that must be there.
pub(super) fn missing_parameter(name: &str) -> ApiError {
    bad(
        "MissingParameter",
        format!(
            "The input parameter \"{name}\" that is mandatory for processing this request is not supplied"
        ),
    )
}
