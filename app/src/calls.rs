//! How the browser calls the server's functions: one way for all of them, which knows nothing of what they ask and answer. What is particular to a function
//! is how its question is written and its answer is read, and nothing else: the way there and back once more for each function was a tenth of the
//! browser's half.
//!
//! The server takes a question in either of two forms: as a page's program writes it, and as a form does that is posted without one.

use std::future::Future;
#[cfg(feature = "hydrate")]
use std::pin::Pin;

use leptos::server_fn::{
    ContentType, Http, Protocol,
    client::Client,
    codec::{Json, JsonEncoding, PostUrl},
    error::ServerFnErrorErr,
    request::Req,
    server::Server,
};
#[cfg(feature = "hydrate")]
use leptos::server_fn::{
    client::browser::BrowserClient,
    redirect::call_redirect_hook,
    request::{ClientReq, browser::BrowserRequest},
    response::{ClientRes, browser::BrowserResponse},
};
use leptos::{prelude::FromServerFnError, server_fn::Bytes};
use serde::{Serialize, de::DeserializeOwned};

use crate::{error::AppError, reading};

/// The way a function is called: `#[server(endpoint = "...", protocol = crate::Called)]`.
#[derive(Debug, Clone, Copy)]
pub struct Called;

impl<Question, Reply, C, S> Protocol<Question, Reply, C, S, AppError> for Called
where
    Question: Serialize + DeserializeOwned + Send,
    Reply: Serialize + DeserializeOwned + Send,
    C: Client<AppError>,
    S: Server<AppError>,
{
    const METHOD: http::Method = http::Method::POST;

    async fn run_server<F, Fut>(request: S::Request, function: F) -> Result<S::Response, AppError>
    where
        F: Fn(Question) -> Fut + Send,
        Fut: Future<Output = Result<Reply, AppError>> + Send,
    {
        let is_ours =
            Req::<AppError>::to_content_type(&request).is_some_and(|kind| kind.starts_with(JsonEncoding::CONTENT_TYPE));
        if is_ours {
            <Http<Json, Json> as Protocol<Question, Reply, C, S, AppError>>::run_server(request, function).await
        } else {
            <Http<PostUrl, Json> as Protocol<Question, Reply, C, S, AppError>>::run_server(request, function).await
        }
    }

    async fn run_client(path: &str, question: Question) -> Result<Reply, AppError> {
        let body = Body::of(&question);
        drop(question);
        read(post(path, body).await)
    }
}

/// A question on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(feature = "hydrate"), expect(dead_code, reason = "the server calls none of its functions this way"))]
pub(crate) enum Body {
    /// Written by the program.
    Json(Result<String, String>),
    /// Filled in by a person, as the form's own post would send it.
    Form(String),
}

impl Body {
    pub(crate) fn of(question: &impl Serialize) -> Self {
        Self::Json(serde_json::to_string(question).map_err(|error| error.to_string()))
    }
}

/// Reads what a function has answered.
pub(crate) fn read<Reply: DeserializeOwned>(reply: Result<Bytes, AppError>) -> Result<Reply, AppError> {
    reading::read(&reply?)
        .map_err(|error| AppError::from_server_fn_error(ServerFnErrorErr::Deserialization(error.to_string())))
}

/// Calls the function at `path`.
#[cfg(feature = "hydrate")]
pub(crate) fn post(path: &str, body: Body) -> Pin<Box<dyn Future<Output = Result<Bytes, AppError>> + Send>> {
    let path = path.to_owned();
    Box::pin(async move {
        let (kind, text) = match body {
            Body::Json(text) => (
                JsonEncoding::CONTENT_TYPE,
                text.map_err(|error| AppError::from_server_fn_error(ServerFnErrorErr::Serialization(error)))?,
            ),
            Body::Form(text) => (PostUrl::CONTENT_TYPE, text),
        };
        let request: BrowserRequest =
            ClientReq::<AppError>::try_new_post(&path, kind, JsonEncoding::CONTENT_TYPE, text)?;
        let response: BrowserResponse = <BrowserClient as Client<AppError>>::send(request).await?;
        let (status, location, leads_on) = (
            ClientRes::<AppError>::status(&response),
            ClientRes::<AppError>::location(&response),
            ClientRes::<AppError>::has_redirect(&response),
        );
        let bytes: Bytes = ClientRes::<AppError>::try_into_bytes(response).await?;
        if (400..=599).contains(&status) {
            return Err(AppError::de(bytes));
        }
        if leads_on || (300..=399).contains(&status) {
            call_redirect_hook(&location);
        }
        Ok(bytes)
    })
}

/// The server calls none of its functions this way.
#[cfg(not(feature = "hydrate"))]
pub(crate) async fn post(path: &str, _: Body) -> Result<Bytes, AppError> {
    Err(AppError::Transport(format!("{path} is called by browsers only")))
}

#[cfg(test)]
mod tests {
    use std::{fs, io, path::Path};

    /// The lines of the app that declare a function but not how it is called.
    fn other_ways(folder: &Path) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                found.append(&mut other_ways(&path)?);
                continue;
            }
            let text = fs::read_to_string(&path)?;
            let others = text.lines().map(str::trim).filter(|line| line.starts_with("#[server(endpoint = "));
            let others = others.filter(|line| !line.contains("protocol = crate::Called"));
            found.extend(others.map(|line| format!("{}: {line}", path.display())));
        }
        Ok(found)
    }

    #[test]
    fn every_function_is_called_in_the_same_way() -> io::Result<()> {
        let others = other_ways(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))?;
        assert_eq!(others, Vec::<String>::new(), "each further way would be in the browser's half, too");
        Ok(())
    }
}
