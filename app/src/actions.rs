//! What people do on a page: forms, and the calls that they make. A form is posted by the browser itself until the page's program has loaded, and then by
//! the program, which keeps the page and knows the outcome.
//!
//! Forms and calls are alike whatever they say, so that the browser's half has them once. Leptos' own of the same names read a form into the function's
//! arguments only to write it out again, and know each function from the start.

use std::{any::Any, marker::PhantomData, sync::Arc};

#[cfg(feature = "hydrate")]
use leptos::form::form_data_from_event;
use leptos::{
    ev::SubmitEvent,
    prelude::*,
    reactive::signal::MappedSignal,
    server::ServerActionError,
    server_fn::{ServerFn, error::ServerFnUrlError},
};
use model::error::HubError;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    calls::{self, Body},
    error::AppError,
};

/// What came of it, when something did.
type Outcome<T> = Option<Result<T, AppError>>;

/// A function of the server that the page calls when somebody does something.
pub struct ServerAction<F> {
    inner: Action<Body, Done>,
    function: PhantomData<fn() -> F>,
}

impl<F> Clone for ServerAction<F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F> Copy for ServerAction<F> {}

impl<F> Default for ServerAction<F>
where
    F: ServerFn<Error = AppError>,
    F::Output: DeserializeOwned + Send + Sync + 'static,
{
    fn default() -> Self {
        Self::new()
    }
}

impl<F> ServerAction<F>
where
    F: ServerFn<Error = AppError>,
    F::Output: DeserializeOwned + Send + Sync + 'static,
{
    /// Nothing was done yet, but perhaps without the program.
    #[track_caller]
    pub fn new() -> Self {
        Self { inner: action(F::PATH, |reply| Done::of(calls::read::<F::Output>(reply))), function: PhantomData }
    }

    /// What came of the latest call.
    pub fn value(self) -> Value<F::Output> {
        Value { done: self.inner.value(), kind: PhantomData }
    }
}

impl<F> ServerAction<F> {
    /// How many calls were answered.
    pub fn version(self) -> RwSignal<usize> {
        self.inner.version()
    }

    /// A call is under way.
    pub fn pending(self) -> Memo<bool> {
        self.inner.pending()
    }

    /// What the hub has against the latest call.
    pub fn problem(self) -> Signal<Option<HubError>> {
        problem(self.inner)
    }

    /// Why the latest call failed.
    pub fn error(self) -> Option<AppError> {
        self.inner.value().with(|done| done.as_ref()?.error.clone())
    }
}

impl<F: Serialize> ServerAction<F> {
    /// Calls the function.
    pub fn dispatch(self, arguments: F) {
        self.inner.dispatch(Body::of(&arguments));
    }
}

/// What came of the latest call of a function.
pub struct Value<T> {
    done: MappedSignal<Option<Done>>,
    kind: PhantomData<fn() -> T>,
}

impl<T> Clone for Value<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Value<T> {}

impl<T: 'static> Value<T> {
    /// Looks at it.
    pub fn with<R>(self, look: impl FnOnce(&Outcome<T>) -> R) -> R {
        let came_of_it = self.done.with(|done| done.as_ref().map(|done| Arc::clone(&done.came_of_it)));
        match came_of_it.as_ref().and_then(|came_of_it| came_of_it.downcast_ref()) {
            Some(outcome) => look(outcome),
            None => look(&None),
        }
    }

    /// A copy of it.
    pub fn get(self) -> Outcome<T>
    where
        T: Clone,
    {
        self.with(Clone::clone)
    }
}

/// A call that was answered.
struct Done {
    error: Option<AppError>,
    /// An `Outcome`.
    came_of_it: Arc<dyn Any + Send + Sync>,
}

impl Done {
    fn of<T: Send + Sync + 'static>(result: Result<T, AppError>) -> Self {
        let error = result.as_ref().err().cloned();
        Self { error, came_of_it: Arc::new(Some(result)) }
    }
}

type Read = fn(Result<leptos::server_fn::Bytes, AppError>) -> Done;

#[track_caller]
fn action(path: &'static str, read: Read) -> Action<Body, Done> {
    let failed = use_context::<ServerActionError>()
        .filter(|failed| failed.path() == path)
        .map(|failed| read(Err(ServerFnUrlError::<AppError>::decode_err(failed.err()))));
    Action::new_with_value(failed, move |body: &Body| {
        let reply = calls::post(path, body.clone());
        async move { read(reply.await) }
    })
}

fn problem(action: Action<Body, Done>) -> Signal<Option<HubError>> {
    let done = action.value();
    Signal::derive(move || done.with(|done| done.as_ref()?.error.as_ref()?.hub().cloned()))
}

/// A form that calls a function, with or without the page's program.
#[component]
pub fn ActionForm<F>(
    /// The call.
    action: ServerAction<F>,
    /// What is in the form.
    children: Children,
) -> impl IntoView
where
    F: ServerFn<Error = AppError>,
{
    form(F::PATH, action.inner, children)
}

fn form(path: &'static str, action: Action<Body, Done>, children: Children) -> AnyView {
    view! {
        <form action=path method="post" on:submit=move |event| submit(&event, action)>
            {children()}
        </form>
    }
    .into_any()
}

#[cfg(feature = "hydrate")]
fn submit(event: &SubmitEvent, action: Action<Body, Done>) {
    if event.default_prevented() {
        return;
    }
    event.prevent_default();
    match filled_in(event) {
        Ok(text) => _ = action.dispatch(Body::Form(text)),
        Err(error) => _ = action.dispatch(Body::Json(Err(error))),
    }
}

#[cfg(not(feature = "hydrate"))]
fn submit(_: &SubmitEvent, _: Action<Body, Done>) {}

/// What was filled in, and the button that was pressed, as the browser would post it.
#[cfg(feature = "hydrate")]
fn filled_in(event: &SubmitEvent) -> Result<String, String> {
    let data = form_data_from_event(event).map_err(|_| "the form can't be read".to_owned())?;
    let pairs = web_sys::UrlSearchParams::new_with_str_sequence_sequence(&data)
        .map_err(|_| "the form can't be written".to_owned())?;
    Ok(String::from(pairs.to_string()))
}
