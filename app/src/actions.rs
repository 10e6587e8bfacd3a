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
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    calls::{self, Body},
    error::AppError,
};

/// What came of it, when something did.
type Outcome<T> = Option<Result<T, AppError>>;

/// Whether it was done, for a form that shows what stands against it.
pub type Answered = Outcome<()>;

/// A function of the server that the page calls when somebody does something.
pub struct ServerAction<F> {
    inner: Action<Body, Done>,
    answered: Memo<usize>,
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
        let inner = action(F::PATH, |reply| Done::of(calls::read::<F::Output>(reply)));
        Self { inner, answered: answered(inner), function: PhantomData }
    }

    /// What came of the latest call.
    pub fn value(self) -> Value<F::Output> {
        Value { done: self.inner.value(), kind: PhantomData }
    }
}

impl<F> ServerAction<F> {
    /// How often the page has to look again: each call that was answered may have changed what it shows. One that did not reach Usher has not, and to ask
    /// anew then would put an error in the place of what was typed.
    pub fn version(self) -> Memo<usize> {
        self.answered
    }

    /// A call is under way.
    pub fn pending(self) -> Memo<bool> {
        self.inner.pending()
    }

    /// What stands against the latest call, if anything does.
    pub fn problem(self) -> Signal<Answered> {
        let done = self.inner.value();
        Signal::derive(move || done.with(|done| done.as_ref().map(Done::was_done)))
    }

    /// The call, whatever it asks.
    pub fn call(self) -> Call {
        Call(self.inner)
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

/// A call of any function.
#[derive(Clone, Copy)]
pub struct Call(Action<Body, Done>);

/// What the newest answer to any of several calls says; it takes the place of those before.
#[derive(Clone, Copy)]
pub struct Newest {
    done: Memo<Option<Done>>,
}

/// Follows several calls of a page that shows the outcome of one at a time.
pub fn newest<const COUNT: usize>(calls: [Call; COUNT]) -> Newest {
    Newest { done: newest_of(calls.to_vec()) }
}

fn newest_of(calls: Vec<Call>) -> Memo<Option<Done>> {
    let calls: Vec<_> = calls.into_iter().map(|Call(call)| (call.version(), call.value())).collect();
    let seen = StoredValue::new(vec![0; calls.len()]);
    Memo::new(move |before: Option<&Option<Done>>| {
        let mut newest = before.cloned().flatten();
        for (index, (version, value)) in calls.iter().enumerate() {
            let version = version.get();
            let was_seen = seen.try_update_value(|seen| std::mem::replace(&mut seen[index], version));
            if was_seen != Some(version) {
                newest = value.with(Clone::clone);
            }
        }
        newest
    })
}

impl Newest {
    /// What stands against it, if anything does.
    pub fn problem(self) -> Signal<Answered> {
        let done = self.done;
        Signal::derive(move || done.with(|done| done.as_ref().map(Done::was_done)))
    }

    /// Why it failed.
    pub fn error(self) -> Option<AppError> {
        self.done.with(|done| done.as_ref()?.error.clone())
    }

    /// What was done, for functions that answer with a sentence.
    pub fn notice(self) -> Option<String> {
        self.done.with(|done| done.as_ref()?.came_of_it.downcast_ref::<Outcome<String>>()?.clone()?.ok())
    }
}

/// A call that was answered.
#[derive(Clone)]
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

    fn was_done(&self) -> Result<(), AppError> {
        self.error.clone().map_or(Ok(()), Err)
    }
}

impl PartialEq for Done {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.came_of_it, &other.came_of_it)
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

fn answered(action: Action<Body, Done>) -> Memo<usize> {
    let (version, done) = (action.version(), action.value());
    Memo::new(move |before: Option<&usize>| {
        let version = version.get();
        let is_lost = done.with(|done| matches!(done, Some(Done { error: Some(AppError::Transport(_)), .. })));
        if is_lost { before.copied().unwrap_or_default() } else { version }
    })
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
    let on_its_way = action.input();
    view! {
        <form action=path method="post" on:submit=move |event| submit(&event, action, on_its_way)>
            {children()}
        </form>
    }
    .into_any()
}

/// What is asked and not answered yet.
type OnItsWay = MappedSignal<Option<Body>>;

#[cfg(feature = "hydrate")]
fn submit(event: &SubmitEvent, action: Action<Body, Done>, on_its_way: OnItsWay) {
    if event.default_prevented() {
        return;
    }
    event.prevent_default();
    let body = match filled_in(event) {
        Ok(text) => Body::Form(text),
        Err(error) => Body::Json(Err(error)),
    };
    // A second press means what the first did.
    if !on_its_way.with_untracked(|asked| asked.as_ref() == Some(&body)) {
        action.dispatch(body);
    }
}

#[cfg(not(feature = "hydrate"))]
fn submit(_: &SubmitEvent, _: Action<Body, Done>, _: OnItsWay) {}

/// What was filled in, and the button that was pressed, as the browser would post it.
#[cfg(feature = "hydrate")]
fn filled_in(event: &SubmitEvent) -> Result<String, String> {
    let data = form_data_from_event(event).map_err(|_| "the form can't be read".to_owned())?;
    let pairs = web_sys::UrlSearchParams::new_with_str_sequence_sequence(&data)
        .map_err(|_| "the form can't be written".to_owned())?;
    Ok(String::from(pairs.to_string()))
}
