//! Disconnecting an endpoint: what will happen, in numbers, and its name typed, because it can't be undone.

use leptos::prelude::*;
use model::view::{EndpointView, ShareState};

use super::{endpoint, uses::Shares};
use crate::{
    actions::{ActionForm, ServerAction},
    components::{
        button::{ButtonKind, ButtonLink, SubmitButton},
        count::counted,
        field::{ErrorSummary, TextField},
        notice::Trouble,
        page::PageHead,
        skeleton::Skeleton,
    },
    error::AppError,
    flash::{Form, FormState},
    pages::may_connect,
};

/// Disconnects it, when `name` is its name.
#[server(endpoint = "disconnect_endpoint", protocol = crate::Called)]
pub async fn disconnect_endpoint(id: String, name: String) -> Result<(), AppError> {
    let actor = crate::session::actor().await?;
    let disconnected = async {
        let endpoint = crate::pages::parse_id(&id, "endpoint")?;
        crate::session::hub()?.disconnect_endpoint(&actor, &endpoint, &name).await
    };
    match disconnected.await {
        Ok(()) => {
            let notice = Some(format!("{} is disconnected.", name.trim()));
            crate::flash::leave("/endpoints", crate::flash::Flash { notice, ..crate::flash::Flash::default() }).await?;
            leptos_axum::redirect("/endpoints");
            Ok(())
        }
        Err(error) => Err(crate::flash::fail(&format!("/endpoints/{id}/disconnect"), &[("name", &name)], error).await),
    }
}

const FIELDS: &[(&str, &str)] = &[("name", "Name")];

/// The page.
#[component]
pub fn DisconnectPage() -> impl IntoView {
    let id = crate::pages::address_part("id");
    let found = crate::answers::ask(move || id.get(), endpoint);
    let action = ServerAction::<DisconnectEndpoint>::new();
    let live = action.problem();
    let form = Form::new(move || format!("/endpoints/{}/disconnect", id.get()), live);
    view! {
        <Suspense fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let state = form.state().await;
                match found.await {
                    Ok(endpoint) => view! { <Disconnect endpoint state action /> }.into_any(),
                    Err(error) => view! { <PageHead title="Disconnect" /><Trouble error /> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn Disconnect(endpoint: EndpointView, state: FormState, action: ServerAction<DisconnectEndpoint>) -> impl IntoView {
    let (id, name) = (endpoint.summary.id.to_string(), endpoint.summary.name.clone());
    let page = format!("/endpoints/{id}");
    let above = vec![("/endpoints".to_owned(), "Endpoints".to_owned()), (page.clone(), name.clone())];
    let head = view! { <PageHead title=format!("Disconnect {name}") above=above /> };
    if !may_connect() {
        return view! { {head} <p class="notice warn">"Only an admin of your account can disconnect endpoints. Ask one of them."</p> }
            .into_any();
    }
    if endpoint.disconnected.is_some() {
        return view! { {head} <p class="notice">"It is disconnected already."</p> }.into_any();
    }
    let used = endpoint.shares.iter().filter(|share| share.state == ShareState::Active).count() as u64;
    // What another destination can be given to is what went to this one.
    let elsewhere = match (endpoint.summary.consumer.is_some(), endpoint.summary.producer.is_some()) {
        (true, false) => " Each can be given another destination.",
        (true, true) => " Each that sends to it can be given another destination.",
        (false, _) => "",
    };
    let mut consequences = vec![
        format!("{} can’t run any more.{elsewhere}", counted(used, "share", "shares")),
        format!("{} the catalogue.", counted(endpoint.summary.audiences, "audience leaves", "audiences leave")),
        "Usher forgets its credentials, and its endpoint keys open nothing any more.".to_owned(),
        "Runs and receipts stay. The same application can be connected anew, as another endpoint.".to_owned(),
    ];
    if endpoint.summary.audiences == 0 {
        consequences.remove(1);
    }
    let under_way = (endpoint.runs > 0).then(|| {
        let runs = counted(endpoint.runs, "run is under way", "runs are under way");
        view! { <p class="notice warn"><span>{runs} ". "<a href="/runs">"Cancel them, or wait until they have ended"</a>"."</span></p> }
    });
    let consequences: Vec<_> = consequences.into_iter().map(|text| view! { <li>{text}</li> }).collect();
    view! {
        {head}
        {under_way}
        <section aria-labelledby="consequences">
            <h2 id="consequences">"What happens"</h2>
            <ul class="bullets">{consequences}</ul>
        </section>
        <Shares shares=endpoint.shares />
        <section aria-labelledby="confirm">
            <h2 id="confirm">"Confirm"</h2>
            <ActionForm action=action attr:class="form" attr:novalidate=true>
                <ErrorSummary form=state.clone() fields=FIELDS />
                <input type="hidden" name="id" value=id />
                <TextField
                    form=state
                    name="name"
                    label="Name"
                    help=format!("This can’t be undone. Type the endpoint’s name to confirm: {name}")
                />
                <div class="actions">
                    <SubmitButton kind=ButtonKind::Danger pending=action.pending()>"Disconnect for good"</SubmitButton>
                    <ButtonLink href=page>"Keep it"</ButtonLink>
                </div>
            </ActionForm>
        </section>
    }
    .into_any()
}
