//! `usher demo`: an account to look around in, with the demo's two endpoints connected. Made through the hub, as a person would; what is
//! there already is kept.

use std::io::Write;

use anyhow::{Context, bail};
use clap::Args;
use hub::Hub;
use model::{
    error::HubError,
    view::{Actor, Connect, SignIn, SignUp},
};

const ACCOUNT: &str = "Northwind Trading";
const PERSON: &str = "Ada Lindqvist";
const EMAIL: &str = "ada@usher.example";
/// No secret: it is printed, and the account has nothing but made-up people.
const PASSWORD: &str = "northwind-demo-only";

/// Where the demo's endpoints are.
#[derive(Debug, Clone, Args)]
pub(crate) struct DemoOptions {
    /// Harbor CRM's address
    #[arg(long, default_value = "http://127.0.0.1:4010")]
    harbor_url: String,
    /// Harbor CRM's authentication key
    #[arg(long, env = "USHER_DEMO_HARBOR_KEY", hide_env_values = true)]
    harbor_key: String,
    /// Beacon Mail's address
    #[arg(long, default_value = "http://127.0.0.1:4020")]
    beacon_url: String,
    /// Beacon Mail's authentication key
    #[arg(long, env = "USHER_DEMO_BEACON_KEY", hide_env_values = true)]
    beacon_key: String,
}

/// Makes what is missing and prints the sign-in.
pub(crate) async fn make(options: &DemoOptions, hub: &Hub) -> anyhow::Result<()> {
    let actor = account(hub).await?;
    let mut out = std::io::stdout().lock();
    let endpoints = [
        ("Harbor CRM", &options.harbor_url, &options.harbor_key),
        ("Beacon Mail", &options.beacon_url, &options.beacon_key),
    ];
    for (application, url, key) in endpoints {
        let made = connect(hub, &actor, application, url, key).await?;
        writeln!(out, "{application}: {}", if made { "connected" } else { "was connected already" })?;
    }
    // So that applications can be reviewed, too.
    hub.add_operator(EMAIL).await?;
    hub.close().await;
    writeln!(out, "Sign in as {EMAIL} with the password {PASSWORD}")?;
    Ok(())
}

async fn account(hub: &Hub) -> anyhow::Result<Actor> {
    let form = SignUp {
        account_name: ACCOUNT.to_owned(),
        user_name: PERSON.to_owned(),
        email: EMAIL.to_owned(),
        password: PASSWORD.to_owned(),
    };
    match hub.sign_up(form).await {
        Ok(actor) => Ok(actor),
        // The only field that can be wrong with this form is an e-mail address that is taken.
        Err(error @ HubError::Invalid { .. }) if error.problem_of("email").is_some() => {
            let form = SignIn { email: EMAIL.to_owned(), password: PASSWORD.to_owned() };
            hub.sign_in(form, None).await.with_context(|| {
                format!("{EMAIL} is there, but not with the demo's password. Delete the data (.usher/) to start afresh")
            })
        }
        Err(error) => Err(error).context("the demo's account can't be made"),
    }
}

async fn connect(hub: &Hub, actor: &Actor, name: &str, url: &str, key: &str) -> anyhow::Result<bool> {
    if hub.endpoints(actor).await?.iter().any(|endpoint| endpoint.application == name) {
        return Ok(false);
    }
    let applications = hub.applications(actor).await?;
    let Some(application) = applications.into_iter().find(|application| application.name == name) else {
        bail!("this Usher has no application {name}");
    };
    let form = Connect {
        application_id: application.id.to_string(),
        name: name.to_owned(),
        base_url: url.to_owned(),
        authentication_key: key.to_owned(),
        ..Connect::default()
    };
    hub.connect_endpoint(actor, form).await.with_context(|| {
        format!(
            "{name} can't be connected at {url}. Is it running, and is its network allowed by USHER_ALLOW_NETWORKS?"
        )
    })?;
    Ok(true)
}
