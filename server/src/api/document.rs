//! The OpenAPI document of the API that Usher hosts (`/openapi.json`), and a page to read it (`/docs`), made of the document alone.

use axum::{
    Json,
    response::{Html, IntoResponse, Response},
};
use hub::registry::IdempotencyKey;
use leptos::prelude::*;
use model::contract::WebhookEvent;
use serde_json::Value;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        ObjectBuilder, Required, Type,
        path::{Parameter, ParameterBuilder, ParameterIn},
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};

use super::{data, endpoint, jobs};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Usher",
        description = "What endpoints that call Usher ask for and send: a PUSH producer declares its audiences and sends exports, a PULL consumer \
            fetches imports. Errors are problems of RFC 9457 with a stable `code`. Unknown fields are ignored."
    ),
    paths(
        endpoint::read,
        endpoint::describe,
        endpoint::webhook,
        endpoint::set_webhook,
        endpoint::remove_webhook,
        endpoint::segments,
        endpoint::declare,
        endpoint::segment,
        endpoint::change,
        endpoint::withdraw,
        jobs::list,
        jobs::read,
        jobs::report,
        data::list,
        data::send,
        data::fetch,
    ),
    components(schemas(WebhookEvent)),
    modifiers(&EndpointKey, &Repeatable)
)]
struct Document;

struct EndpointKey;

impl Modify for EndpointKey {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let mut scheme = Http::new(HttpAuthScheme::Bearer);
        scheme.description = Some("The endpoint key, made on the endpoint's page in Usher.".to_owned());
        if let Some(components) = &mut document.components {
            components.add_security_scheme("endpoint_key", SecurityScheme::Http(scheme));
        }
    }
}

/// Every write may carry `Idempotency-Key`, but for parts, which are told apart by job, number and digest.
struct Repeatable;

impl Modify for Repeatable {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        for item in document.paths.paths.values_mut() {
            for write in [&mut item.post, &mut item.put, &mut item.delete].into_iter().flatten() {
                if write.operation_id.as_deref() != Some("send_part") {
                    write.parameters.get_or_insert_default().push(idempotency_key().into());
                }
            }
        }
    }
}

fn idempotency_key() -> Parameter {
    let text = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(IdempotencyKey::LONGEST))
        .pattern(Some(IdempotencyKey::PATTERN));
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "Of your own choice, new for each request and the same for its repeats, for instance a UUID: 1 to 255 printable ASCII \
             characters. For 24 hours a repeat is answered as the first, with `Idempotency-Replayed: true`",
        ))
        .schema(Some(text))
        .build()
}

/// `GET /openapi.json`.
pub(crate) async fn json() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}

/// `GET /docs`.
pub(crate) async fn page() -> Response {
    match serde_json::to_value(Document::openapi()) {
        Ok(document) => Html(html(&document)).into_response(),
        Err(error) => {
            tracing::error!(%error, "the OpenAPI document can't be written");
            http::StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The members of an object, in order.
fn members<'v>(value: &'v Value, pointer: &str) -> Vec<(&'v String, &'v Value)> {
    value.pointer(pointer).and_then(Value::as_object).map(|object| object.iter().collect()).unwrap_or_default()
}

/// The type that a schema stands for, in words; references lead to their place.
fn kind(schema: &Value) -> AnyView {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let name = reference.rsplit('/').next().unwrap_or_default().to_owned();
        let href = format!("#schema-{name}");
        return view! { <a href=href>{name}</a> }.into_any();
    }
    for joined in ["oneOf", "allOf", "anyOf"] {
        if let Some(choices) = schema.get(joined).and_then(Value::as_array) {
            let several = choices.iter().filter(|choice| choice.get("type") != Some(&Value::from("null")));
            return several.map(|choice| view! { {kind(choice)} " " }).collect_view().into_any();
        }
    }
    if let Some(items) = schema.get("items") {
        return view! { "list of " {kind(items)} }.into_any();
    }
    let one = |value: &Value| value.as_str().filter(|word| *word != "null").map(str::to_owned);
    let name = match schema.get("type") {
        Some(Value::Array(types)) => types.iter().filter_map(one).collect::<Vec<_>>().join(" or "),
        Some(word) => one(word).unwrap_or_default(),
        None => String::new(),
    };
    view! { {name} }.into_any()
}

fn operation(path: &str, method: &str, operation: &Value) -> AnyView {
    let id = text(operation, "/operationId");
    let parameters = operation.get("parameters").and_then(Value::as_array).cloned().unwrap_or_default();
    let rows = parameters.iter().map(|parameter| {
        let required = parameter.get("required") == Some(&Value::Bool(true));
        view! {
            <tr>
                <th scope="row" data-label="Parameter"><code>{text(parameter, "/name")}</code></th>
                <td data-label="In">{text(parameter, "/in")}{required.then_some(", required")}</td>
                <td data-label="Meaning">{text(parameter, "/description")}</td>
            </tr>
        }
    });
    let rows = rows.collect_view();
    let body = members(operation, "/requestBody/content").into_iter().map(|(media, content)| {
        let schema = content.get("schema").cloned().unwrap_or_default();
        view! { <p>"Body: "<code>{media.clone()}</code>" "{kind(&schema)}</p> }
    });
    let body = body.collect_view();
    let responses = members(operation, "/responses").into_iter().map(|(status, response)| {
        let content = members(response, "/content").into_iter().map(|(media, content)| {
            let schema = content.get("schema").cloned().unwrap_or_default();
            view! { <code>{media.clone()}</code>" "{kind(&schema)} }
        });
        view! {
            <tr>
                <th scope="row" data-label="Status"><code>{status.clone()}</code></th>
                <td data-label="Meaning">{text(response, "/description")}</td>
                <td data-label="Content">{content.collect_view()}</td>
            </tr>
        }
    });
    let responses = responses.collect_view();
    let labelled_by = id.clone();
    view! {
        <section aria-labelledby=labelled_by>
            <h3 id=id><code>{format!("{} {path}", method.to_uppercase())}</code></h3>
            <p><strong>{text(operation, "/summary")}</strong></p>
            <p>{text(operation, "/description")}</p>
            {(!parameters.is_empty()).then(|| view! {
                <table class="list">
                    <thead><tr><th scope="col">"Parameter"</th><th scope="col">"In"</th><th scope="col">"Meaning"</th></tr></thead>
                    <tbody>{rows}</tbody>
                </table>
            })}
            {body}
            <details>
                <summary>"Answers"</summary>
                <table class="list">
                    <thead><tr><th scope="col">"Status"</th><th scope="col">"Meaning"</th><th scope="col">"Content"</th></tr></thead>
                    <tbody>{responses}</tbody>
                </table>
            </details>
        </section>
    }
    .into_any()
}

fn schema(name: &str, schema: &Value) -> AnyView {
    let mut properties = members(schema, "/properties");
    let joined = schema.get("allOf").and_then(Value::as_array).cloned().unwrap_or_default();
    for part in &joined {
        properties.extend(members(part, "/properties"));
    }
    let bases: Vec<_> = joined.iter().filter(|part| part.get("$ref").is_some()).map(kind).collect();
    let words = schema.get("enum").and_then(Value::as_array).map(|words| {
        words.iter().filter_map(Value::as_str).map(|word| view! { <code>{word.to_owned()}</code>" " }).collect_view()
    });
    let rows = properties.iter().map(|(property, of)| {
        view! {
            <tr>
                <th scope="row" data-label="Field"><code>{(*property).clone()}</code></th>
                <td data-label="Type">{kind(of)}</td>
                <td data-label="Meaning">{text(of, "/description")}</td>
            </tr>
        }
    });
    let rows = rows.collect_view();
    view! {
        <section aria-labelledby=format!("schema-{name}")>
            <h3 id=format!("schema-{name}")>{name.to_owned()}</h3>
            <p>{text(schema, "/description")}</p>
            {(!bases.is_empty()).then(|| view! { <p>"All of "{bases}", and:"</p> })}
            {words.map(|words| view! { <p>{words}</p> })}
            {(!properties.is_empty()).then(|| view! {
                <table class="list">
                    <thead><tr><th scope="col">"Field"</th><th scope="col">"Type"</th><th scope="col">"Meaning"</th></tr></thead>
                    <tbody>{rows}</tbody>
                </table>
            })}
        </section>
    }
    .into_any()
}

fn html(document: &Value) -> String {
    let operations: Vec<_> = members(document, "/paths")
        .into_iter()
        .flat_map(|(path, methods)| {
            members(methods, "").into_iter().map(move |(method, of)| operation(path, method, of))
        })
        .collect();
    let schemas: Vec<_> =
        members(document, "/components/schemas").into_iter().map(|(name, of)| schema(name, of)).collect();
    let page = view! {
        <html lang="en">
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <title>"The API · Usher"</title>
                <link rel="stylesheet" href="/pkg/usher.css" />
                <link rel="icon" href="/favicon.svg" />
            </head>
            <body>
                <main class="api-page">
                    <h1>"The API for endpoints"</h1>
                    <p>{text(document, "/info/description")}</p>
                    <p>
                        "Show the endpoint key with each request: "<code>"Authorization: Bearer KEY"</code>
                        ". For programs: "<a href="/openapi.json">"openapi.json"</a>"."
                    </p>
                    <h2 id="requests">"Requests"</h2>
                    {operations}
                    <h2 id="messages">"Messages"</h2>
                    {schemas}
                </main>
            </body>
        </html>
    };
    format!("<!DOCTYPE html>{}", page.to_html())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the document is kept, so that a change of it is seen in review.
    const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");

    #[test]
    fn the_document_is_the_one_that_is_kept() {
        let now = Document::openapi().to_pretty_json().expect("a document") + "\n";
        if std::env::var_os("USHER_KEEP_OPENAPI").is_some() {
            std::fs::write(KEPT, &now).expect("writes");
        }
        let kept = std::fs::read_to_string(KEPT).expect("docs/openapi.json is there");
        assert!(
            now == kept,
            "The API has changed. When that is meant: USHER_KEEP_OPENAPI=1 cargo nextest run -p usher-server document"
        );
    }

    #[test]
    fn every_message_that_is_referred_to_is_described_and_the_page_shows_it() {
        let document = serde_json::to_value(Document::openapi()).expect("a document");
        let page = html(&document);
        let text = document.to_string();
        let references = text
            .match_indices("#/components/schemas/")
            .map(|(at, prefix)| text[at + prefix.len()..].split('"').next().unwrap_or_default());
        for name in references {
            assert!(document.pointer(&format!("/components/schemas/{name}")).is_some(), "{name}");
            assert!(page.contains(&format!("id=\"schema-{name}\"")), "{name}");
        }
        let mut ids = std::collections::HashSet::new();
        for (path, methods) in members(&document, "/paths") {
            assert!(page.contains(path), "{path}");
            for (method, of) in members(methods, "") {
                assert!(ids.insert(super::text(of, "/operationId")), "{method} {path} has the id of another");
            }
        }
    }
}
