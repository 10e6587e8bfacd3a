//! Dialogs: the browser's own, so that focus and Escape are right. What opens one is a button; without the program it is never needed.

use leptos::{html, prelude::*};

/// A question before something is done.
#[component]
pub fn Dialog(
    /// Opens when it becomes true; the dialog sets it to false when it closes.
    open: RwSignal<bool>,
    /// The heading.
    #[prop(into)]
    title: String,
    /// What will happen, and the buttons.
    children: Children,
) -> impl IntoView {
    let element = NodeRef::<html::Dialog>::new();
    Effect::new(move |_| {
        let Some(dialog) = element.get() else { return };
        if open.get() {
            if !dialog.open() {
                let _ = dialog.show_modal();
            }
        } else if dialog.open() {
            dialog.close();
        }
    });
    view! {
        <dialog class="dialog" node_ref=element on:close=move |_| open.set(false) aria-labelledby="dialog-title">
            <h2 id="dialog-title">{title}</h2>
            {children()}
        </dialog>
    }
}
