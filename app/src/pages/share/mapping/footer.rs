//! The bar that is always in sight: how far the mapping is, undo and redo, whether it is saved, and on to the next step.

use leptos::prelude::*;

use super::{
    dom,
    editor::Editor,
    save::{SaveState, Saver},
    work::Work,
};
use crate::components::{
    button::ButtonLink,
    icon::{Icon, IconName},
};

/// The bar.
#[component]
pub fn Footer(
    /// The page's state.
    work: Work,
    /// What saves it.
    saver: Saver,
    /// The next page.
    next_path: String,
    /// Goes there once everything is saved.
    go_on: impl Fn() + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let status = move || {
        let ((required, mapped), (errors, warnings)) = (work.required(), work.counts());
        let mut parts = Vec::new();
        if required > 0 {
            parts.push(format!("{mapped} of {required} required mapped"));
        }
        if errors > 0 {
            parts.push(if errors == 1 { "1 error".to_owned() } else { format!("{errors} errors") });
        }
        parts.push(match warnings {
            0 => "no warnings".to_owned(),
            1 => "1 warning".to_owned(),
            more => format!("{more} warnings"),
        });
        parts.join(" · ")
    };
    let is_done = move || {
        let ((required, mapped), (errors, _)) = (work.required(), work.counts());
        required == mapped && errors == 0
    };
    let next_missing = move || {
        let name = work.missing().into_iter().next()?;
        let label =
            work.board.with_value(|board| board.target_field(&name).map(|field| field.display_name().to_owned()))?;
        let href = format!("#field-{}", crate::components::search_box::escaped(&name));
        let show = move |event: leptos::ev::MouseEvent| {
            event.prevent_default();
            work.target_filter.set(String::new());
            dom::focus_source_select(work, &name);
        };
        Some(
            view! { <a class="button quiet next-missing" href=href title="F8" on:click=show>{format!("Go to {label}")}</a> },
        )
    };
    let saved = move || match saver.state.get() {
        SaveState::Saved => "Saved".to_owned(),
        SaveState::Saving => "Saving …".to_owned(),
        SaveState::Failed(_) => "Not saved".to_owned(),
    };
    let failed = move || match saver.state.get() {
        SaveState::Failed(failure) => Some(view! {
            <p class="save-problem" role="status">
                {failure.message}
                {failure.is_signed_out.then(|| view! { " "<a href="/sign-in" target="_blank">"Sign in, in another tab"</a> })}
            </p>
            {failure
                .is_outdated
                .then(|| {
                    view! {
                        <button type="button" class="button quiet" on:click=move |_| saver.save_in_place()>
                            "Put mine in its place"
                        </button>
                    }
                })}
            <button
                type="button"
                class="button quiet"
                aria-disabled=move || saver.calling.get().to_string()
                on:click=move |_| saver.save()
            >
                {move || if saver.calling.get() { "Trying …" } else { "Try again" }}
            </button>
        }),
        SaveState::Saved | SaveState::Saving => None,
    };
    view! {
        <footer class="mapping-bar">
            <div class="how-far">
                {move || match work.carried() {
                    Some(carried) => {
                        view! {
                            <span class="status carrying">{carried}</span>
                            <button type="button" class="button quiet" on:click=move |_| work.cancel()>"Cancel"</button>
                        }
                            .into_any()
                    }
                    None => {
                        view! {
                            <span class="status" class:done=is_done>{status}</span>
                            {next_missing}
                        }
                            .into_any()
                    }
                }}
            </div>
            {if work.may_edit {
                view! {
                    <div class="doing">
                        <span class="saved needs-program" class:failed=move || matches!(saver.state.get(), SaveState::Failed(_)) role="status">
                            {saved}
                        </span>
                        {failed}
                        <button
                            type="button"
                            class="button quiet needs-program"
                            title="Ctrl+Z"
                            disabled=move || !work.editor.with(Editor::can_undo)
                            on:click=move |_| work.undo()
                        >
                            <Icon name=IconName::Undo />
                            "Undo"
                        </button>
                        <button
                            type="button"
                            class="button quiet needs-program"
                            title="Ctrl+Shift+Z"
                            disabled=move || !work.editor.with(Editor::can_redo)
                            on:click=move |_| work.redo()
                        >
                            <Icon name=IconName::Redo />
                            "Redo"
                        </button>
                        <button type="submit" class="button without-program" name="then" value="stay">"Save"</button>
                        <button
                            type="submit"
                            class="button primary"
                            name="then"
                            value="next"
                            on:click=move |event| {
                                event.prevent_default();
                                go_on();
                            }
                        >
                            "Continue"
                        </button>
                    </div>
                }
                    .into_any()
            } else {
                view! { <div class="doing"><ButtonLink href=next_path>"Go on"</ButtonLink></div> }.into_any()
            }}
        </footer>
    }
}
