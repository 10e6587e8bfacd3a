//! Faults as HTTP answers: RFC 9457 problems with a code.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::contract::{PROBLEM_MEDIA_TYPE, Problem};

use crate::fault::{Code, Fault};

/// The problem that tells of a fault. What only the log may know is not in it.
pub fn of(fault: &Fault) -> Problem {
    Problem {
        problem_type: "about:blank".to_owned(),
        title: fault.code.title.to_owned(),
        status: fault.code.status,
        detail: Some(fault.detail.clone()),
        code: Some(fault.code.word.to_owned()),
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        match &self.source {
            Some(source) => tracing::error!(code = self.code.word, error = %source, "a request failed"),
            None => tracing::info!(code = self.code.word, status = self.code.status, "a request was refused"),
        }
        let status = StatusCode::from_u16(self.code.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(of(&self))).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_MEDIA_TYPE));
        if self.code.status == 503 || self.code == Code::NOT_READY {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
