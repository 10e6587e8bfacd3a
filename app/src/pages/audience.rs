//! An audience: what it holds, with masked samples, and where it is shared.

use leptos::prelude::*;
use model::{
    field::FieldKind,
    view::{AudienceView, Sample},
};

use crate::{
    components::{
        button::{ButtonKind, ButtonLink, SubmitButton},
        count::Count,
        empty_state::EmptyState,
        notice::Trouble,
        page::PageHead,
        skeleton::Skeleton,
        time::Time,
    },
    error::AppError,
    pages::shares::ShareTable,
};

/// The audience.
#[server(endpoint = "audience")]
pub async fn audience(id: String) -> Result<AudienceView, AppError> {
    let actor = crate::session::actor().await?;
    let found = async { crate::session::hub().audience(&actor, &super::parse_id(&id, "audience")?).await };
    crate::session::answer(found.await).await
}

/// A few of its rows.
#[server(endpoint = "audience_sample")]
pub async fn audience_sample(id: String) -> Result<Sample, AppError> {
    let actor = crate::session::actor().await?;
    let found = async { crate::session::hub().sample(&actor, &super::parse_id(&id, "audience")?).await };
    crate::session::answer(found.await).await
}

/// Begins a share of it and leads to the choice of a destination.
#[server(endpoint = "start_share")]
pub async fn start_share(audience_id: String) -> Result<(), AppError> {
    let actor = crate::session::actor().await?;
    let begun = async { crate::session::hub().start_share(&actor, &super::parse_id(&audience_id, "audience")?).await };
    let id = crate::session::answer(begun.await).await?;
    leptos_axum::redirect(&format!("/shares/{id}/destination"));
    Ok(())
}

/// A value with its letters and digits hidden but for the first of each word: enough to see its form.
pub fn masked(value: &str) -> String {
    let mut at_start = true;
    let shown: String = value
        .chars()
        .take(40)
        .map(|letter| {
            let hidden = letter.is_alphanumeric() && !at_start;
            at_start = matches!(letter, '@' | ' ');
            match letter {
                letter if letter.is_control() => ' ',
                _ if hidden => '•',
                letter => letter,
            }
        })
        .collect();
    if value.chars().count() > 40 { format!("{shown}…") } else { shown }
}

/// The page.
#[component]
pub fn AudiencePage() -> impl IntoView {
    let id = super::address_part("id");
    let found = Resource::new_blocking(move || id.get(), audience);
    // Here, not where it is shown: what stands in a closure under `Suspense` is made several times while the server renders.
    let sample = super::may_share().then(|| Resource::new_blocking(move || id.get(), audience_sample));
    view! {
        <Suspense fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                match found.await {
                    Ok(audience) => view! { <Content audience sample /> }.into_any(),
                    Err(error) => view! { <PageHead title="Audience" /><Trouble error /> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn Content(audience: AudienceView, sample: Option<Resource<Result<Sample, AppError>>>) -> impl IntoView {
    let action = ServerAction::<StartShare>::new();
    let AudienceView { summary, fields, shares } = audience;
    let may_share = super::may_share();
    let id = summary.id.to_string();
    let tags: Vec<_> = summary.tags.iter().map(|tag| view! { <li>{tag.clone()}</li> }).collect();
    let failed = move || {
        action.value().with(|value| match value {
            Some(Err(error)) => Some(view! { <Trouble error=error.clone() /> }),
            _ => None,
        })
    };
    view! {
        <PageHead
            title=summary.name
            above=vec![("/audiences".to_owned(), "Audiences".to_owned())]
            lead=summary.description.unwrap_or_default()
        >
            {may_share
                .then(|| {
                    view! {
                        <ActionForm action=action>
                            <input type="hidden" name="audience_id" value=id />
                            <SubmitButton kind=ButtonKind::Primary pending=action.pending()>"Share"</SubmitButton>
                        </ActionForm>
                    }
                })}
        </PageHead>
        {failed}
        <dl class="facts">
            <div>
                <dt>"People"</dt>
                <dd>
                    {match summary.size {
                        Some(size) => view! { <Count number=size estimate=summary.size_is_estimate /> }.into_any(),
                        None => "not told".into_any(),
                    }}
                </dd>
            </div>
            <div><dt>"Endpoint"</dt><dd><a href=format!("/endpoints/{}", summary.endpoint_id)>{summary.endpoint_name}</a></dd></div>
            <div><dt>"Updated"</dt><dd>{summary.updated_at.map_or_else(|| "not told".into_any(), |at| view! { <Time at /> }.into_any())}</dd></div>
            <div><dt>"Last seen"</dt><dd><Time at=summary.seen_at /></dd></div>
            {(!tags.is_empty()).then(|| view! { <div><dt>"Tags"</dt><dd><ul class="chips">{tags}</ul></dd></div> })}
        </dl>
        <section aria-labelledby="fields">
            <h2 id="fields">"Fields"</h2>
            <Suspense fallback=|| view! { <Skeleton /> }>
                {
                    let fields = fields.clone();
                    move || {
                        let fields = fields.clone();
                        Suspend::new(async move {
                            let sample = match sample {
                                Some(sample) => sample.await.unwrap_or_default(),
                                None => Sample::default(),
                            };
                            view! { <FieldTable fields sample /> }
                        })
                    }
                }
            </Suspense>
        </section>
        <section aria-labelledby="shares">
            <h2 id="shares">"Where it is shared"</h2>
            {if shares.is_empty() {
                view! { <EmptyState text="It is not shared anywhere yet." /> }.into_any()
            } else {
                view! { <ShareTable shares /> }.into_any()
            }}
        </section>
        {(!may_share).then(|| view! { <p class="soft">"To share it, ask an admin of your account to make you a member."</p> })}
        <ButtonLink href="/audiences">"All audiences"</ButtonLink>
    }
}

#[component]
fn FieldTable(fields: Vec<model::field::Field>, sample: Sample) -> impl IntoView {
    let rows: Vec<_> = fields
        .into_iter()
        .map(|field| {
            let column = sample.columns.iter().position(|name| *name == field.name);
            let mut values: Vec<String> = Vec::new();
            if let Some(column) = column {
                let seen =
                    sample.rows.iter().filter_map(|row| row.get(column)).filter(|value| !value.trim().is_empty());
                for value in seen.map(|value| masked(value)) {
                    if values.len() < 3 && !values.contains(&value) {
                        values.push(value);
                    }
                }
            }
            let kind = match field.kind {
                FieldKind::Identifier => "Identifier",
                FieldKind::Attribute => "Attribute",
            };
            let samples: Vec<_> = values.into_iter().map(|value| view! { <li>{value}</li> }).collect();
            let label = field.label.filter(|label| *label != field.name);
            view! {
                <tr>
                    <th scope="row" data-label="Field">
                        <code>{field.name}</code>
                        {label.map(|label| view! { <span class="soft one-line">{label}</span> })}
                    </th>
                    <td data-label="Says">{kind}</td>
                    <td data-label="Type">{field.field_type.label()}</td>
                    <td data-label="Looks like"><ul class="samples">{samples}</ul></td>
                </tr>
            }
        })
        .collect();
    view! {
        {sample.problem.map(|problem| view! { <p class="notice warn">{problem}</p> })}
        <table class="list">
            <thead>
                <tr>
                    <th scope="col">"Field"</th>
                    <th scope="col">"Says"</th>
                    <th scope="col">"Type"</th>
                    <th scope="col">"Looks like (masked)"</th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn masks_keep_the_form_and_hide_the_person() {
        assert_eq!(masked("maria.lopez@mail.com"), "m••••.•••••@m•••.•••");
        assert_eq!(masked("+49 30 1234"), "+•• 3• 1•••");
        assert_eq!(masked("Zoë"), "Z••");
        assert_eq!(masked("a\nb"), "a •");
    }
}
