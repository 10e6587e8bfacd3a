//! The steps in which an application is defined, and what their pages have in common.

use std::sync::Arc;

use leptos::prelude::*;
use model::application::{ApplicationDraft, VersionState};

use crate::{
    components::{
        field::ErrorSummary,
        icon::{Icon, IconName},
        notice::{Done, Trouble},
        page::PageHead,
        skeleton::Skeleton,
        stale::SeenVersion,
    },
    error::AppError,
    flash::{Form, FormState},
    pages::address_part,
};

/// One of the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// What it is.
    About,
    /// How data moves.
    Types,
    /// Where it answers.
    Urls,
    /// Identifiers and attributes.
    Fields,
    /// What it can do as a destination.
    Delivery,
    /// How credentials are given.
    Credentials,
    /// Every call of the contract.
    TestDrive,
    /// All of it, before it is submitted.
    Submit,
}

impl Step {
    const ALL: [Self; 8] = [
        Self::About,
        Self::Types,
        Self::Urls,
        Self::Fields,
        Self::Delivery,
        Self::Credentials,
        Self::TestDrive,
        Self::Submit,
    ];

    /// The word in addresses.
    pub fn word(self) -> &'static str {
        match self {
            Self::About => "about",
            Self::Types => "types",
            Self::Urls => "addresses",
            Self::Fields => "fields",
            Self::Delivery => "delivery",
            Self::Credentials => "credentials",
            Self::TestDrive => "test-drive",
            Self::Submit => "submit",
        }
    }

    /// The name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::About => "About",
            Self::Types => "Types",
            Self::Urls => "Addresses",
            Self::Fields => "Fields",
            Self::Delivery => "Delivery",
            Self::Credentials => "Credentials",
            Self::TestDrive => "Test Drive",
            Self::Submit => "Submit",
        }
    }

    /// What a step's problems name it.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.word() == word)
    }

    /// Only an application that takes audiences has something to say there.
    fn is_for_consumers(self) -> bool {
        matches!(self, Self::Fields | Self::Delivery)
    }

    /// The page of an application's step.
    pub fn path(self, id: &str) -> String {
        format!("/applications/{id}/{}", self.word())
    }

    /// The step after it, for an application that takes audiences or does not.
    #[cfg(feature = "ssr")]
    fn next(self, takes_audiences: bool) -> Self {
        let after = Self::ALL.into_iter().skip_while(|step| *step != self).skip(1);
        after.into_iter().find(|step| takes_audiences || !step.is_for_consumers()).unwrap_or(Self::Submit)
    }
}

/// The newest version of an application.
#[server(endpoint = "draft_of_application", protocol = crate::Called)]
pub async fn draft_of_application(id: String) -> Result<ApplicationDraft, AppError> {
    let actor = crate::session::actor().await?;
    let found =
        async { crate::session::hub()?.application_draft(&actor, &crate::pages::parse_id(&id, "application")?).await };
    crate::session::answer(found.await).await
}

/// Saves a step. Leads to the next one, or stays and says what was done.
#[cfg(feature = "ssr")]
pub(super) async fn save(
    id: &str,
    step: Step,
    change: model::application::form::Change,
    seen: Option<&crate::components::stale::Seen>,
    typed: Vec<(&str, &str)>,
    stay: Option<String>,
) -> Result<(), AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let saved = async {
        let id = crate::pages::parse_id(id, "application")?;
        let known = seen.and_then(crate::components::stale::Seen::version);
        hub.change_application(&actor, &id, change, known).await
    };
    let path = step.path(id);
    match (saved.await, stay) {
        (Ok(_), Some(notice)) => {
            let flash = crate::flash::Flash { notice: Some(notice), ..crate::flash::Flash::default() };
            crate::flash::leave(&path, flash).await?;
            leptos_axum::redirect(&path);
            Ok(())
        }
        (Ok(draft), None) => {
            leptos_axum::redirect(&step.next(draft.definition.consumer.is_some()).path(id));
            Ok(())
        }
        (Err(error), _) => {
            let mut typed = typed;
            typed.extend(seen.map(|seen| ("seen", seen.version.as_str())));
            Err(crate::flash::fail(&path, &typed, error).await)
        }
    }
}

/// What stands in a step's page, given the draft and the form's state.
pub(super) type Body = Arc<dyn Fn(ApplicationDraft, FormState) -> AnyView + Send + Sync>;

/// A step's page around its form.
pub(super) fn step_page(
    step: Step,
    lead: &'static str,
    fields: &'static [(&'static str, &'static str)],
    body: Body,
) -> AnyView {
    let id = address_part("id");
    let draft = crate::answers::ask(move || id.get(), draft_of_application);
    let form = Form::new(move || step.path(&id.get()), Signal::derive(|| None));
    view! {
        <Suspense fallback=|| view! { <Skeleton /> }>
            {move || {
                let body = body.clone();
                Suspend::new(async move {
                    let form = form.state().await;
                    match draft.await {
                        Ok(draft) => shown(step, lead, fields, draft, form, &body),
                        Err(error) => view! { <PageHead title=step.label() /><Trouble error /> }.into_any(),
                    }
                })
            }}
        </Suspense>
    }
    .into_any()
}

fn shown(
    step: Step,
    lead: &'static str,
    fields: &'static [(&'static str, &'static str)],
    draft: ApplicationDraft,
    form: FormState,
    body: &Body,
) -> AnyView {
    let above = vec![
        ("/applications".to_owned(), "Integration Manager".to_owned()),
        (format!("/applications/{}", draft.id), draft.definition.name.clone()),
    ];
    let notice = form.notice().map(|text| view! { <Done text /> });
    let is_fixed = match draft.state {
        VersionState::Draft | VersionState::Rejected => None,
        VersionState::InReview => Some("This version is in review and can’t be changed meanwhile. Take it back first."),
        VersionState::Approved => {
            Some("This version was approved and stays as it is. Begin a new version to change something.")
        }
    };
    let fixed = is_fixed.map(|text| {
        let href = format!("/applications/{}", draft.id);
        view! { <p class="notice"><span>{text}" "<a href=href>"To the application"</a></span></p> }
    });
    let viewer = (!crate::pages::may_connect())
        .then(|| view! { <p class="notice">"You can look at this; an admin of your account can change it."</p> });
    let rejected = draft.reason.clone().map(|reason| view! { <Rejected reason /> });
    let steps = view! { <Steps draft=draft.clone() current=step /> };
    let head = view! { <PageHead title=step.label() above lead /> };
    let content = body(draft, form.clone());
    let cannot = is_fixed.is_some() || !crate::pages::may_connect();
    // The Test Drive and the last step look at what is there also when nothing can be changed.
    let content = if cannot && !matches!(step, Step::TestDrive | Step::Submit) {
        view! { <fieldset class="bare" disabled>{content}</fieldset> }.into_any()
    } else {
        content
    };
    view! {
        {head}
        {steps}
        {notice}
        {fixed}
        {viewer}
        {rejected}
        <ErrorSummary form fields />
        {content}
    }
    .into_any()
}

/// Why an operator said no.
#[component]
pub fn Rejected(
    /// In the operator's words.
    reason: String,
) -> impl IntoView {
    view! {
        <div class="notice bad">
            <Icon name=IconName::Failed />
            <div>
                <p><strong>"Rejected: "</strong><span class="says">{reason}</span></p>
                <p>"Mend it, run the Test Drive again if it asks for that, and submit it again."</p>
            </div>
        </div>
    }
}

/// The steps, with the present one marked.
#[component]
fn Steps(draft: ApplicationDraft, current: Step) -> impl IntoView {
    let id = draft.id.to_string();
    let takes_audiences = draft.definition.consumer.is_some();
    let lacks = |step: Step| draft.missing.iter().any(|missing| missing.step == step.word());
    let shown = Step::ALL.into_iter().filter(|step| takes_audiences || !step.is_for_consumers());
    let items: Vec<_> = shown
        .enumerate()
        .map(|(position, step)| {
            let is_current = step == current;
            let done = !lacks(step) && step != Step::Submit;
            view! {
                <li class:done=done && !is_current>
                    <a href=step.path(&id) aria-current=is_current.then_some("step")>
                        <span class="number" aria-hidden="true">{position + 1}</span>
                        {step.label()}
                    </a>
                </li>
            }
        })
        .collect();
    view! {
        <nav class="steps" aria-label="Steps of defining an application">
            <ol>{items}</ol>
        </nav>
    }
}

/// What a step's form holds besides its inputs.
#[component]
pub(super) fn StepInputs(
    /// The draft.
    draft: ApplicationDraft,
    /// The form's state.
    form: FormState,
    /// The step.
    step: Step,
) -> impl IntoView {
    let id = draft.id.to_string();
    let page = step.path(&id);
    view! {
        <input type="hidden" name="id" value=id />
        <SeenVersion form version=draft.changes page />
    }
}
