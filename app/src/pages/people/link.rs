//! The link of an invitation, for the admin who sends it.

use leptos::{prelude::*, server_fn::ServerFn};
use model::people::InvitationView;
use serde::{Deserialize, Serialize};

use super::{PATH, WithdrawInvitation};
use crate::{
    components::{notice::Trouble, page::PageHead, skeleton::Skeleton, time::Time},
    error::AppError,
};

/// An invitation and where it leads.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentLink {
    invitation: InvitationView,
    /// Absent when it can't be shown any more.
    link: Option<String>,
}

/// The link of an invitation.
#[server(endpoint = "invitation_link", protocol = crate::Called)]
pub async fn invitation_link(invitation_id: String) -> Result<SentLink, AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let found = async { hub.invitation_link(&actor, &crate::pages::parse_id(&invitation_id, "invitation")?).await };
    let found = crate::session::answer(found.await).await?;
    let link = found.token.map(|token| format!("{}/invitation/{}", crate::address::of_request(), token.0));
    Ok(SentLink { invitation: found.invitation, link })
}

/// The page.
#[component]
pub fn InvitationLinkPage() -> impl IntoView {
    let id = crate::pages::address_part("id");
    let found = crate::answers::ask(move || id.get(), invitation_link);
    view! {
        <Suspense fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let above = vec![(PATH.to_owned(), "People".to_owned())];
                match found.await {
                    Ok(sent) => view! { <Content sent above /> }.into_any(),
                    Err(error) => view! { <PageHead title="Invitation" above /><Trouble error /> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn Content(sent: SentLink, above: Vec<(String, String)>) -> impl IntoView {
    let SentLink { invitation, link } = sent;
    let lead = format!("For {}, as {}.", invitation.email, invitation.role.with_article());
    let body = match (link, invitation.has_expired) {
        (_, true) => {
            view! { <p>"It has expired, so its link leads nowhere any more. Withdraw it and invite them again."</p> }.into_any()
        }
        (None, false) => {
            view! {
                <p>"The link works, but it can’t be shown again, because the installation’s master key has changed since. Withdraw it and invite them again, if they did not get it."</p>
            }
            .into_any()
        }
        (Some(link), false) => {
            view! {
                <p>"Send this link to them yourself, in a mail or a message: Usher sends nothing."</p>
                <div class="field invitation-link">
                    <label for="link">"Link"</label>
                    <input id="link" type="text" readonly value=link aria-describedby="link-help" />
                    <p class="help" id="link-help">
                        "Whoever has it can join once, whichever address they sign in with. Keep it as you would a password. It ends "<Time at=invitation.expires_at.clone() />"."
                    </p>
                </div>
            }
            .into_any()
        }
    };
    view! {
        <PageHead title="Invitation" above lead />
        {body}
        <form class="withdraw" method="post" action=WithdrawInvitation::PATH>
            <input type="hidden" name="invitation_id" value=invitation.id.to_string() />
            <button type="submit" class="button">"Withdraw the invitation"</button>
        </form>
    }
}
