//! The people of the account: who is in it and with which role, who is invited, and what was done with them. Admins change it; the others look.
//!
//! The forms are posted by the browser itself, with the program and without: whatever is done here may change what every page shows.

mod link;

pub use link::InvitationLinkPage;

use leptos::{prelude::*, server_fn::ServerFn};
use model::{
    people::{InvitationView, PeopleEvent, PeopleView, PersonView},
    view::Role,
};

use crate::{
    components::{
        badge::{Badge, Tone},
        button::{ButtonKind, SubmitButton},
        field::{ErrorSummary, TextField},
        notice::{Done, Trouble},
        page::PageHead,
        skeleton::Skeleton,
        time::Time,
    },
    error::AppError,
    flash::{Form, FormState},
};

const PATH: &str = "/people";

/// Everybody in the account.
#[server(endpoint = "people", protocol = crate::Called)]
pub async fn people() -> Result<PeopleView, AppError> {
    let actor = crate::session::actor().await?;
    crate::session::answer(crate::session::hub()?.people(&actor).await).await
}

/// Makes an invitation and leads to its link.
#[server(endpoint = "invite", protocol = crate::Called)]
pub async fn invite(email: String, #[server(default)] role: String) -> Result<(), AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    match hub.invite(&actor, &email, Role::parse(&role)).await {
        Ok(id) => {
            leptos_axum::redirect(&format!("{PATH}/invitations/{id}"));
            Ok(())
        }
        Err(error) => Err(crate::flash::fail(PATH, &[("email", &email), ("role", &role)], error).await),
    }
}

/// Takes an invitation back.
#[server(endpoint = "withdraw_invitation", protocol = crate::Called)]
pub async fn withdraw_invitation(invitation_id: String) -> Result<String, AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let withdrawn =
        async { hub.withdraw_invitation(&actor, &crate::pages::parse_id(&invitation_id, "invitation")?).await };
    told(withdrawn.await.map(|()| "The invitation is withdrawn. Its link leads nowhere any more.".to_owned())).await
}

/// Gives somebody another role.
#[server(endpoint = "change_role", protocol = crate::Called)]
pub async fn change_role(user_id: String, #[server(default)] role: String) -> Result<String, AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let changed = async {
        let person = crate::pages::parse_id(&user_id, "person in this account")?;
        let role = Role::parse(&role).ok_or_else(|| model::error::HubError::invalid("role", "Choose a role."))?;
        hub.change_role(&actor, &person, role).await
    };
    let done = "The role is changed. It holds from the next page that they open.";
    let changed = changed.await.map(|withdrawn| format!("{done}{}", withdrawn_words(withdrawn)));
    told(changed).await
}

/// Takes somebody out of the account; who takes themselves out is led to another account of theirs, or to the door.
#[server(endpoint = "remove_person", protocol = crate::Called)]
pub async fn remove_person(user_id: String) -> Result<String, AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let removed = async {
        let person = crate::pages::parse_id(&user_id, "person in this account")?;
        let withdrawn = hub.remove_person(&actor, &person).await?;
        Ok((person, withdrawn))
    };
    match removed.await {
        Ok((person, _)) if person == actor.user_id => {
            match hub.accounts_of(&actor).await?.first() {
                Some(next) => {
                    let there = hub.switch_account(&actor, &next.id).await?;
                    crate::session::go_on_as(&there).await?;
                    leptos_axum::redirect("/");
                }
                None => {
                    crate::session::sign_out().await?;
                    leptos_axum::redirect("/sign-in");
                }
            }
            Ok("You have left the account.".to_owned())
        }
        Ok((_, withdrawn)) => {
            let done = "They are no longer in the account, and what they had open in it has ended.";
            told(Ok(format!("{done}{}", withdrawn_words(withdrawn)))).await
        }
        Err(error) => told(Err(error)).await,
    }
}

#[cfg(feature = "ssr")]
async fn told(result: Result<String, model::error::HubError>) -> Result<String, AppError> {
    match result {
        Ok(done) => crate::flash::done(PATH, done).await,
        Err(error) => Err(crate::flash::fail(PATH, &[], error).await),
    }
}

/// What is said of invitations that went with an admin.
#[cfg(feature = "ssr")]
fn withdrawn_words(withdrawn: usize) -> String {
    match withdrawn {
        0 => String::new(),
        1 => {
            " They could see the link of the open invitation, so it was withdrawn: invite that person anew.".to_owned()
        }
        many => format!(
            " They could see the links of the {many} open invitations, so these were withdrawn: invite those people anew."
        ),
    }
}

/// The page.
#[component]
pub fn PeoplePage() -> impl IntoView {
    let form = Form::new(|| PATH.to_owned(), Signal::stored(None));
    let found = crate::answers::ask(|| (), |()| people());
    view! {
        <PageHead title="People" lead="Who is in this account, and what they may do." />
        <Suspense fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let form = form.state().await;
                match found.await {
                    Ok(people) => view! { <Content people form /> }.into_any(),
                    Err(error) => view! { <Trouble error /> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn Content(people: PeopleView, form: FormState) -> impl IntoView {
    let is_admin = super::may_connect();
    let notice = form.notice().map(|text| view! { <Done text /> });
    let rows: Vec<_> = people.people.into_iter().map(|person| row(person, is_admin)).collect();
    let for_admins = is_admin.then(|| {
        view! {
            <InviteForm form=form.clone() />
            <Invitations invitations=people.invitations />
            <History events=people.events />
        }
    });
    view! {
        {notice}
        <ErrorSummary form fields=&[("email", "E-mail address"), ("role", "Role")] />
        {(!is_admin).then(|| view! { <p class="soft">"An admin of this account can invite people, change roles and remove people."</p> })}
        <table class="list people">
            <thead>
                <tr>
                    <th scope="col">"Name"</th>
                    <th scope="col">"E-mail address"</th>
                    <th scope="col">"Role"</th>
                    <th scope="col">"Since"</th>
                    <th scope="col"><span class="visually-hidden">"What can be done"</span></th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
        {for_admins}
    }
}

fn row(person: PersonView, is_admin: bool) -> impl IntoView {
    let PersonView { id, name, email, role, since, is_self, is_last_admin } = person;
    let id = id.to_string();
    let may_change = is_admin && !is_last_admin;
    let role_cell = if may_change {
        let (select, label) = (format!("role-{id}"), format!("Role of {name}"));
        view! {
            <form class="inline" method="post" action=ChangeRole::PATH>
                <input type="hidden" name="user_id" value=id.clone() />
                <label class="visually-hidden" for=select.clone()>{label.clone()}</label>
                <select id=select name="role">{role_options(role)}</select>
                <button type="submit" class="button quiet" aria-label=format!("Change the role of {name}")>"Change"</button>
            </form>
        }
        .into_any()
    } else {
        let why = is_last_admin.then(|| view! { <span class="soft">" (the only one)"</span> });
        view! { <span>{role.as_str()}{why}</span> }.into_any()
    };
    let may_go = !is_last_admin && (is_admin || is_self);
    let removal = may_go.then(|| {
        let (summary, words, consequence) = if is_self {
            (
                "Leave".to_owned(),
                "Leave this account".to_owned(),
                "You will see nothing of this account any more, until you are invited again. What you made in it stays."
                    .to_owned(),
            )
        } else {
            (
                "Remove".to_owned(),
                format!("Remove {name}"),
                format!("{name} is signed out of this account at once, and their calendar address ends. What they made stays."),
            )
        };
        view! {
            <details class="removal">
                <summary>{summary}<span class="visually-hidden">" "{name.clone()}</span></summary>
                <p class="soft">{consequence}</p>
                <form method="post" action=RemovePerson::PATH>
                    <input type="hidden" name="user_id" value=id />
                    <SubmitButton kind=ButtonKind::Danger>{words}</SubmitButton>
                </form>
            </details>
        }
    });
    view! {
        <tr>
            <th scope="row">{name}{is_self.then(|| view! { <span class="soft">" (you)"</span> })}</th>
            <td data-label="E-mail"><span class="breakable">{email}</span></td>
            <td data-label="Role">{role_cell}</td>
            <td data-label="Since"><Time at=since /></td>
            <td>{removal}</td>
        </tr>
    }
}

/// The roles as options of a select.
fn role_options(chosen: Role) -> Vec<impl IntoView> {
    Role::ALL
        .into_iter()
        .map(|role| view! { <option value=role.as_str() selected=role == chosen>{role.as_str()}</option> })
        .collect()
}

#[component]
fn InviteForm(form: FormState) -> impl IntoView {
    let typed = Role::parse(&form.value("role")).unwrap_or(Role::Member);
    let problem = form.problem("role");
    let roles: Vec<_> = Role::ALL
        .into_iter()
        .rev()
        .map(|role| {
            view! {
                <label class="choice">
                    <input type="radio" name="role" value=role.as_str() checked=role == typed />
                    <span><strong>{role.as_str()}</strong>": "{role.allows()}</span>
                </label>
            }
        })
        .collect();
    view! {
        <section aria-labelledby="invite">
            <h2 id="invite">"Invite somebody"</h2>
            <p class="soft">"You get a link to send them. It lets one person in, once, within seven days."</p>
            <form class="form" method="post" action=Invite::PATH novalidate>
                <TextField form=form name="email" label="E-mail address" kind="email" help="Whom it is for. They can join with another address of theirs." />
                <fieldset class="field" id="role">
                    <legend>"Role"</legend>
                    {roles}
                    <p class="problem" hidden=move || problem.with(Option::is_none)>{move || problem.get()}</p>
                </fieldset>
                <SubmitButton kind=ButtonKind::Primary>"Make the link"</SubmitButton>
            </form>
        </section>
    }
}

#[component]
fn Invitations(invitations: Vec<InvitationView>) -> impl IntoView {
    if invitations.is_empty() {
        return None;
    }
    let rows: Vec<_> = invitations
        .into_iter()
        .map(|InvitationView { id, email, role, invited_by, created_at, expires_at, has_expired }| {
            let link = format!("{PATH}/invitations/{id}");
            let until = if has_expired {
                view! { <Badge tone=Tone::Warn text="expired" /> }.into_any()
            } else {
                view! { <Time at=expires_at /> }.into_any()
            };
            let show = (!has_expired).then(|| {
                view! { <a href=link>"Show the link"<span class="visually-hidden">" for "{email.clone()}</span></a> }
            });
            let label = format!("Withdraw the invitation of {email}");
            view! {
                <tr>
                    <th scope="row"><span class="breakable">{email}</span></th>
                    <td data-label="Role">{role.as_str()}</td>
                    <td data-label="Invited"><span>{invited_by}", "<Time at=created_at /></span></td>
                    <td data-label="Ends">{until}</td>
                    <td>
                        <div class="row-actions">
                            {show}
                            <form method="post" action=WithdrawInvitation::PATH>
                                <input type="hidden" name="invitation_id" value=id.to_string() />
                                <button type="submit" class="button quiet" aria-label=label>"Withdraw"</button>
                            </form>
                        </div>
                    </td>
                </tr>
            }
        })
        .collect();
    Some(view! {
        <section aria-labelledby="invitations">
            <h2 id="invitations">"Invited"</h2>
            <table class="list people">
                <thead>
                    <tr>
                        <th scope="col">"For"</th>
                        <th scope="col">"Role"</th>
                        <th scope="col">"Invited"</th>
                        <th scope="col">"Ends"</th>
                        <th scope="col"><span class="visually-hidden">"What can be done"</span></th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </section>
    })
}

#[component]
fn History(events: Vec<PeopleEvent>) -> impl IntoView {
    if events.is_empty() {
        return None;
    }
    let items: Vec<_> = events
        .into_iter()
        .map(|event| {
            view! {
                <li>
                    <span>{event.by}" "{event.step.sentence()}</span>
                    <span class="soft"><Time at=event.at /></span>
                </li>
            }
        })
        .collect();
    Some(view! {
        <section aria-labelledby="history">
            <h2 id="history">"What was done"</h2>
            <ul class="plain-list">{items}</ul>
        </section>
    })
}
