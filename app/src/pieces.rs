//! Pieces of pages: what a page does not need before a person can use it. The browser's half has them in files of their own, as it has the bundles
//! (`bundles.rs`), and loads each when it is first needed: because something is opened, or once the page has been taken over.
//!
//! A piece is a function, or several as a structure of function pointers, so that it is called as any other once it is there. On the server it always is. What the
//! server has rendered with a piece can't be taken over without it: the page then names it in its head, and it is loaded before.

use leptos::prelude::*;

use crate::components::icon::{Icon, IconName};

/// Declares pieces: the name of the file, which begins with that of the page's bundle; its kind; and what it is.
macro_rules! pieces {
    ($($(#[$about:meta])* $file:ident: $kind:ty = $what:expr;)+) => {
        $(
            $(#[$about])*
            pub mod $file {
                use super::Piece;

                #[cfg(feature = "hydrate")]
                mod loaded {
                    use std::cell::Cell;

                    use leptos::wasm_split::SplitLoaderError;

                    thread_local! {
                        pub(super) static HELD: Cell<Option<$kind>> = const { Cell::new(None) };
                    }

                    #[leptos::wasm_split::wasm_split($file, wasm_split_path = ::leptos::wasm_split, fallible)]
                    fn what() -> Result<$kind, SplitLoaderError> {
                        Ok($what)
                    }

                    pub(super) async fn load() -> bool {
                        match what().await {
                            Ok(what) => {
                                HELD.set(Some(what));
                                true
                            }
                            Err(_) => false,
                        }
                    }
                }

                /// Loads it; whether that went well.
                #[cfg(feature = "hydrate")]
                pub async fn load() -> bool {
                    loaded::load().await
                }

                /// The piece, for the page that asks. With `at_once` the page can't be rendered without it.
                #[cfg(feature = "hydrate")]
                pub fn piece(_at_once: bool) -> Piece<$kind> {
                    Piece::loaded_by(loaded::HELD.get(), || Box::pin(async { loaded::load().await.then(|| loaded::HELD.get()).flatten() }))
                }

                /// The piece, for the page that asks. With `at_once` the page can't be rendered without it.
                #[cfg(not(feature = "hydrate"))]
                pub fn piece(at_once: bool) -> Piece<$kind> {
                    if at_once {
                        crate::bundles::name_in_the_head(stringify!($file));
                    }
                    Piece::there($what)
                }
            }
        )+

        /// Loads the pieces that the server named in the page's head; whether all of them came.
        #[cfg(feature = "hydrate")]
        pub async fn load_those_of_the_page() -> bool {
            $(
                if crate::bundles::is_named_in_the_head(stringify!($file)) && !$file::load().await {
                    return false;
                }
            )+
            true
        }
    };
}

pieces! {
    /// What tries a mapping: what speaks against it, what could be linked, what becomes of the sample.
    mapping_trying: crate::pages::share::Trying = crate::pages::share::TRYING;

    /// The steps of a link, to be changed.
    mapping_steps: crate::pages::share::ShowSteps = crate::pages::share::show_steps;

    /// The identifier lab.
    mapping_lab: crate::pages::share::ShowLab = crate::pages::share::show_lab;
}

/// A piece, as a page that uses it sees it.
pub struct Piece<T: 'static> {
    state: RwSignal<State<T>>,
    #[cfg(feature = "hydrate")]
    load: fn() -> Loading<T>,
}

#[cfg(feature = "hydrate")]
type Loading<T> = std::pin::Pin<Box<dyn Future<Output = Option<T>>>>;

impl<T> Clone for Piece<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Piece<T> {}

/// How a piece stands.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "hydrate"), expect(dead_code, reason = "on the server every piece is there"))]
enum State<T> {
    /// Nobody has asked for it.
    Away,
    /// It is being loaded.
    OnItsWay,
    /// It could not be loaded.
    Failed,
    /// It can be used.
    There(T),
}

#[cfg(not(feature = "hydrate"))]
impl<T: Copy + Send + Sync + 'static> Piece<T> {
    fn there(what: T) -> Self {
        Self { state: RwSignal::new(State::There(what)) }
    }

    /// Loads it, when nobody has yet.
    pub fn load(self) {}
}

#[cfg(feature = "hydrate")]
impl<T: Copy + Send + Sync + 'static> Piece<T> {
    fn loaded_by(held: Option<T>, load: fn() -> Loading<T>) -> Self {
        Self { state: RwSignal::new(held.map_or(State::Away, State::There)), load }
    }

    /// Loads it, when nobody has yet.
    pub fn load(self) {
        if let Some(State::Away | State::Failed) = self.state.try_get_untracked() {
            self.state.set(State::OnItsWay);
            leptos::task::spawn_local(async move {
                let state = (self.load)().await.map_or(State::Failed, State::There);
                // The page may be gone by now.
                self.state.try_set(state);
            });
        }
    }
}

impl<T: Copy + Send + Sync + 'static> Piece<T> {
    /// It, when it is there. Who asks is told when it comes.
    pub fn get(self) -> Option<T> {
        match self.state.get() {
            State::There(what) => Some(what),
            State::Away | State::OnItsWay | State::Failed => None,
        }
    }

    /// Whether it could not be loaded.
    pub fn has_failed(self) -> bool {
        matches!(self.state.get(), State::Failed)
    }

    /// What it shows; until it is there, that it is on its way.
    pub fn show(self, show: impl FnOnce(T) -> AnyView) -> AnyView {
        match self.state.get() {
            State::There(what) => show(what),
            State::Failed => not_loaded(Callback::new(move |()| self.load())),
            State::Away => {
                // Not from within: who shows it follows it, and would be told before it is done.
                queue_microtask(move || self.load());
                on_its_way()
            }
            State::OnItsWay => on_its_way(),
        }
    }
}

fn on_its_way() -> AnyView {
    view! { <p class="help" role="status">"Loading …"</p> }.into_any()
}

/// Says that a piece could not be loaded, and offers to try again.
pub fn not_loaded(again: Callback<()>) -> AnyView {
    view! {
        <div class="notice bad" role="alert">
            <Icon name=IconName::Failed />
            <p>
                "This part of the page could not be loaded. Nothing was lost. "
                <button type="button" class="button quiet" on:click=move |_| again.run(())>"Load it again"</button>
            </p>
        </div>
    }
    .into_any()
}
