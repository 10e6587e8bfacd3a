//! The form of what is told: the account's, and with the same inputs a share's own.

use leptos::prelude::*;
use model::alert::{AlertForm, AlertRules};

use crate::{components::field::TextField, flash::FormState};

/// Labels of the inputs that can be wrong.
pub(super) const FIELDS: &[(&str, &str)] = &[
    ("reject_rows", "Rows left out"),
    ("reject_percent", "Percent left out"),
    ("late_minutes", "Minutes late"),
    ("size_percent", "Percent off"),
    ("size_runs", "Runs compared"),
    ("ending_days", "Days before the last run"),
    ("expiring_days", "Days before"),
    ("url", "Address"),
];

/// Marks that what was typed was posted, so that an input that was emptied stays so.
pub(super) const POSTED: &str = "posted";

/// What was typed, by the inputs' names, to be shown again.
#[cfg(feature = "ssr")]
pub(super) fn typed(form: &AlertForm) -> Vec<(&'static str, &str)> {
    vec![
        (POSTED, "1"),
        ("failed", &form.failed),
        ("reject_rows", &form.reject_rows),
        ("reject_percent", &form.reject_percent),
        ("held", &form.held),
        ("late_minutes", &form.late_minutes),
        ("size_percent", &form.size_percent),
        ("size_runs", &form.size_runs),
        ("ending_days", &form.ending_days),
        ("expiring_days", &form.expiring_days),
        ("recovered", &form.recovered),
    ]
}

/// The argument of server functions that the inputs are posted as.
const ARGUMENT: &str = "rules";

/// The inputs, all below the name `rules`.
#[component]
pub(super) fn RuleInputs(
    /// What holds.
    rules: AlertRules,
    /// The form's state.
    form: FormState,
    /// With the credentials of endpoints, which are no share's.
    with_credentials: bool,
) -> impl IntoView {
    let shown = if form.value(POSTED).is_empty() { AlertForm::of(&rules) } else { AlertForm::default() };
    let is_posted = !form.value(POSTED).is_empty();
    let ticked = |name: &str, before: &str| if is_posted { !form.value(name).is_empty() } else { !before.is_empty() };
    let tick = |name: &'static str, before: &str, words: &'static str| {
        let is_on = ticked(name, before);
        view! {
            <label class="choice">
                <input type="checkbox" name=format!("{ARGUMENT}[{name}]") value="1" checked=is_on />
                <span>{words}</span>
            </label>
        }
    };
    let number = |name: &'static str, initial: &str, label: &'static str| {
        view! { <TextField form=form.clone() name within=ARGUMENT label kind="number" initial=initial.to_owned() /> }
    };
    view! {
        <fieldset class="rules">
            <legend>"Tell when"</legend>
            {tick("failed", &shown.failed, "a run fails")}
            {tick("held", &shown.held, "a run waits for approval, or fields that changed hold a share")}
            {tick("recovered", &shown.recovered, "it is well again")}
        </fieldset>
        <fieldset class="rules">
            <legend>"Tell when more rows of a run are left out than"</legend>
            <div class="line">
                {number("reject_rows", &shown.reject_rows, "Rows left out")}
                {number("reject_percent", &shown.reject_percent, "Percent left out")}
            </div>
        </fieldset>
        <fieldset class="rules">
            <legend>"Tell when a run has not begun, or not ended, after its time by"</legend>
            <div class="line">{number("late_minutes", &shown.late_minutes, "Minutes late")}</div>
        </fieldset>
        <fieldset class="rules">
            <legend>"Tell when the size is off from the mean of the runs before by more than"</legend>
            <div class="line">
                {number("size_percent", &shown.size_percent, "Percent off")}
                {number("size_runs", &shown.size_runs, "Runs compared")}
            </div>
        </fieldset>
        <fieldset class="rules">
            <legend>"Tell before the last run of a schedule that ends by"</legend>
            <div class="line">{number("ending_days", &shown.ending_days, "Days before the last run")}</div>
        </fieldset>
        {with_credentials
            .then(|| {
                view! {
                    <fieldset class="rules">
                        <legend>"Tell before the credential of an endpoint ends by"</legend>
                        <div class="line">{number("expiring_days", &shown.expiring_days, "Days before")}</div>
                    </fieldset>
                }
            })}
        {(!with_credentials)
            .then(|| view! { <input type="hidden" name=format!("{ARGUMENT}[expiring_days]") value=rules.expiring_days.map(|days| days.to_string()) /> })}
        <p class="help">"A number left empty is not watched."</p>
    }
}
