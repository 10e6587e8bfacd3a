//! Answers that a page is made of: the server asks its functions while it renders the page, and writes the answers into it; the browser reads them there, and
//! asks again when what was asked for has changed.
//!
//! All answers are held in the same way, whatever they are: what holds, awaits and renews one is large, and would stand in the browser's half once more
//! for each kind of answer.

use std::{
    any::Any,
    future::{Future, IntoFuture},
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use leptos::{
    prelude::*,
    reactive::computed::AsyncDerivedFuture,
    server::codee::{Decoder, Encoder},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{error::AppError, reading};

/// An answer, as the server's function gave it. Read it by `await` under `Suspense`.
pub struct Answer<T> {
    held: Resource<Held, AsWritten>,
    kind: PhantomData<fn() -> T>,
}

impl<T> Clone for Answer<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Answer<T> {}

/// Asks for what `source` says, and again whenever that changes. Nothing of the page is sent before the answer is there.
#[track_caller]
pub fn ask<S, T, Fut>(
    source: impl Fn() -> S + Send + Sync + 'static,
    ask: impl Fn(S) -> Fut + Send + Sync + 'static,
) -> Answer<T>
where
    S: Clone + PartialEq + Send + Sync + 'static,
    T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<T, AppError>> + Send + 'static,
{
    let source = Box::new(move || Asked(Arc::new(source())));
    let ask = Box::new(move |asked: Asked| -> Asking {
        // What `source` has made.
        let asked = asked.0.as_any().downcast_ref::<S>().cloned();
        let answer = asked.map(&ask);
        Box::pin(async move {
            match answer {
                Some(answer) => Held::of(answer.await),
                None => Held::of::<T>(Err(AppError::Transport("what was asked for is of another kind".to_owned()))),
            }
        })
    });
    Answer { held: hold(source, ask), kind: PhantomData }
}

/// Counts `looked` up a few times after a form was posted whose answer is a file: the browser keeps the page then, which hears nothing of the answer.
pub(crate) fn look_again_soon(looked: RwSignal<u32>) {
    for seconds in [1, 3, 10] {
        let look = move || _ = looked.try_update(|looked| *looked = looked.wrapping_add(1));
        set_timeout(look, std::time::Duration::from_secs(seconds));
    }
}

type Asking = Pin<Box<dyn Future<Output = Held> + Send>>;

#[track_caller]
fn hold(
    source: Box<dyn Fn() -> Asked + Send + Sync>,
    ask: Box<dyn Fn(Asked) -> Asking + Send + Sync>,
) -> Resource<Held, AsWritten> {
    Resource::new_with_options(source, ask, true)
}

impl<T: DeserializeOwned + Clone + Send + Sync + 'static> Answer<T> {
    /// The answer, when there is one, in effects.
    pub fn get(&self) -> Option<Result<T, AppError>> {
        self.held.get().map(|held| held.read())
    }
}

impl<T: DeserializeOwned + Clone + Send + Sync + 'static> IntoFuture for Answer<T> {
    type Output = Result<T, AppError>;
    type IntoFuture = Awaited<T>;

    #[track_caller]
    fn into_future(self) -> Awaited<T> {
        Awaited { held: self.held.into_future(), kind: PhantomData }
    }
}

/// An answer that is awaited.
pub struct Awaited<T> {
    held: AsyncDerivedFuture<Held>,
    kind: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned + Clone + Send + Sync + 'static> Future for Awaited<T> {
    type Output = Result<T, AppError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.held).poll(context).map(|held| held.read())
    }
}

/// What was asked for, of whatever kind.
#[derive(Clone)]
struct Asked(Arc<dyn Question>);

trait Question: Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn is(&self, other: &dyn Any) -> bool;
}

impl<S: PartialEq + Send + Sync + 'static> Question for S {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn is(&self, other: &dyn Any) -> bool {
        other.downcast_ref::<S>().is_some_and(|other| self == other)
    }
}

impl PartialEq for Asked {
    fn eq(&self, other: &Self) -> bool {
        self.0.is(other.0.as_any())
    }
}

/// An answer of whatever kind.
#[derive(Clone)]
enum Held {
    /// As it stands in the page.
    Written(Arc<str>),
    /// As the function gave it: a `Result<T, AppError>`, and how it is written into a page.
    Given(Arc<dyn Any + Send + Sync>, fn(&dyn Any) -> Result<String, serde_json::Error>),
}

/// Stands before an answer.
const ANSWER: char = '+';
/// Stands before an error.
const ERROR: char = '-';

impl Held {
    fn of<T: Serialize + Send + Sync + 'static>(answer: Result<T, AppError>) -> Self {
        // The browser writes no pages.
        #[cfg(feature = "hydrate")]
        let write = |_: &dyn Any| Ok(String::new());
        #[cfg(not(feature = "hydrate"))]
        let write = |answer: &dyn Any| match answer.downcast_ref::<Result<T, AppError>>() {
            Some(Ok(answer)) => serde_json::to_string(answer).map(|text| format!("{ANSWER}{text}")),
            Some(Err(error)) => serde_json::to_string(error).map(|text| format!("{ERROR}{text}")),
            None => Ok(String::new()),
        };
        Self::Given(Arc::new(answer), write)
    }

    fn read<T: DeserializeOwned + Clone + Send + Sync + 'static>(&self) -> Result<T, AppError> {
        match self {
            Self::Given(answer, _) => match answer.downcast_ref::<Result<T, AppError>>() {
                Some(answer) => answer.clone(),
                None => Err(unreadable("it is of another kind")),
            },
            Self::Written(text) => {
                let text = written_answer(text)?;
                reading::read(text.as_bytes()).map_err(|error| unreadable(&error.to_string()))
            }
        }
    }
}

/// The answer's own text; or the error that is written in its place.
fn written_answer(text: &str) -> Result<&str, AppError> {
    if let Some(text) = text.strip_prefix(ANSWER) {
        return Ok(text);
    }
    let error = text.strip_prefix(ERROR).unwrap_or_default();
    Err(reading::read(error.as_bytes()).unwrap_or_else(|error| unreadable(&error.to_string())))
}

/// The page was written by another release than the program that reads it.
fn unreadable(why: &str) -> AppError {
    AppError::Transport(format!("an answer in the page can't be read: {why}"))
}

/// How answers are written into pages.
#[derive(Debug, Clone, Copy)]
pub struct AsWritten;

impl Encoder<Held> for AsWritten {
    type Error = serde_json::Error;
    type Encoded = String;

    fn encode(held: &Held) -> Result<String, serde_json::Error> {
        match held {
            Held::Written(text) => Ok(text.to_string()),
            Held::Given(answer, write) => write(&**answer),
        }
    }
}

impl Decoder<Held> for AsWritten {
    type Error = serde_json::Error;
    type Encoded = str;

    fn decode(text: &str) -> Result<Held, serde_json::Error> {
        Ok(Held::Written(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_reads_in_the_browser_as_the_server_gave_it() -> Result<(), serde_json::Error> {
        let answers: [Result<Vec<String>, AppError>; 2] =
            [Ok(vec!["+".to_owned(), "-".to_owned()]), Err(AppError::Hub(model::error::HubError::SignedOut))];
        for answer in answers {
            let given = Held::of(answer.clone());
            assert_eq!(given.read::<Vec<String>>(), answer);
            let written = AsWritten::decode(&AsWritten::encode(&given)?)?;
            assert_eq!(written.read::<Vec<String>>(), answer);
            assert!(matches!(given.read::<String>(), Err(AppError::Transport(_))), "an answer of another kind");
            assert!(written.read::<u64>().is_err());
        }
        Ok(())
    }

    #[test]
    fn what_is_asked_for_is_the_same_or_not() {
        let asked = |what: &str| Asked(Arc::new(what.to_owned()));
        assert!(asked("one") == asked("one"));
        assert!(asked("one") != asked("two"));
        assert!(asked("one") != Asked(Arc::new(1)));
    }
}
