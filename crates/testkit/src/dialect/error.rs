//! Error bodies as the providers write them.

use super::{Event, Phase, named, unnamed};
use crate::json::{Json, obj};
use crate::strict::Refusal;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Envelope {
    Anthropic,
    Cohere,
    Google,
    OpenAi,
}

/// One failure, in the words of either provider.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) status: u16,
    message: String,
    param: Option<String>,
    openai: (&'static str, Option<&'static str>),
    anthropic: &'static str,
}

impl Failure {
    pub(crate) fn of_status(status: u16, model: &str) -> Self {
        let (message, openai, anthropic) = match status {
            401 => (
                "Incorrect API key provided: sk-scripted.",
                ("invalid_request_error", Some("invalid_api_key")),
                "authentication_error",
            ),
            402 => {
                ("Your credit balance is too low.", ("insufficient_quota", Some("insufficient_quota")), "billing_error")
            }
            403 => ("You may not use this model.", ("permission_error", None), "permission_error"),
            404 => return Self::no_model(model),
            409 => ("Conflict with another request.", ("conflict_error", None), "conflict_error"),
            413 => (
                "Request exceeds the maximum size",
                ("invalid_request_error", Some("request_too_large")),
                "request_too_large",
            ),
            429 => (
                "Rate limit reached. Please try again in 2s.",
                ("rate_limit_error", Some("rate_limit_exceeded")),
                "rate_limit_error",
            ),
            500 => ("The server had an error while processing your request.", ("server_error", None), "api_error"),
            502 | 503 => (
                "The server is currently overloaded. Please try again later.",
                ("service_unavailable_error", Some("server_is_overloaded")),
                "api_error",
            ),
            504 => ("The request took too long.", ("timeout", Some("timeout")), "timeout_error"),
            529 => ("Overloaded", ("server_error", Some("server_is_overloaded")), "overloaded_error"),
            _ => ("The request is not valid.", ("invalid_request_error", None), "invalid_request_error"),
        };
        Self { status, message: message.to_owned(), param: None, openai, anthropic }
    }

    fn no_model(model: &str) -> Self {
        Self {
            status: 404,
            message: format!("The model `{model}` does not exist or you do not have access to it."),
            param: None,
            openai: ("invalid_request_error", Some("model_not_found")),
            anthropic: "not_found_error",
        }
    }

    pub(crate) fn context(envelope: Envelope) -> Self {
        let message = match envelope {
            Envelope::Anthropic => "prompt is too long: 210000 tokens > 200000 maximum",
            Envelope::Cohere => {
                "too many tokens: size limit exceeded by 10000 tokens. Try using shorter or fewer inputs. The limit for \
                 this model is 200000 tokens."
            }
            Envelope::Google => "The input token count (210000) exceeds the maximum number of tokens allowed (200000).",
            Envelope::OpenAi => {
                "This model's maximum context length is 200000 tokens. However, your messages resulted in 210000 tokens. \
                 Please reduce the length of the messages."
            }
        };
        Self {
            status: 400,
            message: message.to_owned(),
            param: Some("messages".to_owned()),
            openai: ("invalid_request_error", Some("context_length_exceeded")),
            anthropic: "invalid_request_error",
        }
    }

    pub(crate) fn quota() -> Self {
        Self {
            status: 429,
            message: "You exceeded your current quota, please check your plan and billing details.".to_owned(),
            param: None,
            openai: ("insufficient_quota", Some("insufficient_quota")),
            anthropic: "rate_limit_error",
        }
    }

    pub(crate) fn refused(refusal: Refusal) -> Self {
        let Refusal { status, message, param } = refusal;
        Self { message, param, ..Self::of_status(status, "") }
    }

    /// What some providers do with a wrong key: they repeat it.
    pub(crate) fn echoing(credential: &str) -> Self {
        let message = format!("Incorrect API key provided: {credential}. You can find your API key in the dashboard.");
        Self { message, ..Self::of_status(401, "") }
    }

    pub(crate) fn mid_stream() -> Self {
        Self { message: "The model stopped in the middle.".to_owned(), ..Self::of_status(529, "") }
    }

    pub(crate) fn body(&self, envelope: Envelope, request_id: &str) -> Json {
        match envelope {
            Envelope::Anthropic => {
                let error = obj! { "type": self.anthropic, "message": &self.message };
                obj! { "type": "error", "error": error, "request_id": request_id }
            }
            Envelope::Cohere => obj! { "message": &self.message, "id": request_id },
            Envelope::Google => {
                let status = match self.status {
                    401 => "UNAUTHENTICATED",
                    403 => "PERMISSION_DENIED",
                    404 => "NOT_FOUND",
                    429 => "RESOURCE_EXHAUSTED",
                    503 | 529 => "UNAVAILABLE",
                    504 => "DEADLINE_EXCEEDED",
                    500..=599 => "INTERNAL",
                    _ => "INVALID_ARGUMENT",
                };
                let code = u64::from(if self.status == 529 { 503 } else { self.status });
                obj! { "error": obj! { "code": code, "message": &self.message, "status": status } }
            }
            Envelope::OpenAi => {
                let (kind, code) = self.openai;
                let error = obj! { "message": &self.message, "type": kind, "param": self.param.as_ref(), "code": code };
                obj! { "error": error }
            }
        }
    }

    pub(crate) fn event(&self, envelope: Envelope, request_id: &str) -> Event {
        let body = self.body(envelope, request_id);
        match envelope {
            Envelope::Anthropic => named(Phase::End, "error", &body),
            Envelope::Cohere => {
                let delta = obj! { "finish_reason": "ERROR", "error": &self.message };
                named(Phase::End, "message-end", &obj! { "type": "message-end", "delta": delta })
            }
            Envelope::Google | Envelope::OpenAi => unnamed(Phase::End, body.as_str()),
        }
    }

    /// Responses tells of a failure inside a stream in its own event, flat and nested.
    pub(crate) fn responses_event(&self) -> Event {
        let (kind, code) = self.openai;
        let error = obj! { "type": kind, "code": code, "message": &self.message, "param": Json::null() };
        let event = obj! {
            "type": "error", "sequence_number": 9_u64, "code": code, "message": &self.message, "param": Json::null(),
            "error": error,
        };
        named(Phase::End, "error", &event)
    }
}
