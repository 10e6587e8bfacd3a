//! Receipts that come back: whether they are as this installation wrote them. On the command line, for whoever holds the key, and as a form of
//! the account's page.

use std::{fs, io::Write, path::PathBuf};

use anyhow::{Context, bail};
use app::flash::Flash;
use axum::{
    extract::{Multipart, State},
    response::{IntoResponse, Redirect, Response},
};
use clap::Args;
use http::StatusCode;
use hub::{Hub, exchange::verify_receipt, store::signing::PublicKey};
use model::{error::HubError, run::Receipt};
use tower_sessions::Session;

use crate::{
    settings::HubOptions,
    signed_in::{Refusal, SignedIn},
};

/// The page with the form.
const PAGE: &str = "/account";

#[derive(Debug, Clone, Args)]
pub(crate) struct VerifyOptions {
    /// The receipt as it was downloaded
    file: PathBuf,
    /// The installation's public key, as `/receipt-key` of its Usher says it; without it, the data of this installation tells
    #[arg(long)]
    key: Option<String>,
    #[command(flatten)]
    hub: HubOptions,
}

/// `usher verify-receipt`: says what a genuine receipt is of; an error when it is not genuine.
pub(crate) async fn verify(options: &VerifyOptions) -> anyhow::Result<()> {
    let key = match &options.key {
        Some(text) => PublicKey::parse(text).context("--key must be 64 hexadecimal digits, as /receipt-key says it")?,
        None => {
            let hub = options.hub.open().await?;
            let key = hub.receipt_key();
            hub.close().await;
            key
        }
    };
    let text = fs::read_to_string(&options.file)
        .with_context(|| format!("the receipt in {} can't be read", options.file.display()))?;
    match verify_receipt(&text, &key) {
        Ok(receipt) => {
            writeln!(std::io::stdout(), "{}", genuine(&receipt))?;
            Ok(())
        }
        Err(error) => bail!("not genuine: {error}"),
    }
}

fn genuine(receipt: &Receipt) -> String {
    let counts = &receipt.counts;
    format!(
        "Genuine: {} from {} to {}, finished {}. Rows: {} read, {} sent, {} acknowledged, {} left out.",
        receipt.run_id,
        receipt.source,
        receipt.destination,
        receipt.finished_at,
        counts.read,
        counts.sent,
        counts.acknowledged,
        counts.rejected + counts.refused
    )
}

/// `POST /receipts/check`: a form with one `receipt`. Leads back to the page, which says what became of it.
pub(crate) async fn check(
    SignedIn(_): SignedIn,
    State(hub): State<Hub>,
    session: Session,
    form: Multipart,
) -> Result<Response, Refusal> {
    let verdict = match receipt_of(form).await {
        Ok(text) => match verify_receipt(&text, &hub.receipt_key()) {
            Ok(receipt) => Flash { notice: Some(genuine(&receipt)), ..Flash::default() },
            Err(error) => told(&format!("Not genuine: {error}.")),
        },
        Err(what) => told(what),
    };
    if let Err(error) = app::flash::leave_in(&session, PAGE, verdict).await {
        tracing::error!(%error, "what became of a receipt could not be told");
        return Ok(StatusCode::INTERNAL_SERVER_ERROR.into_response());
    }
    Ok(Redirect::to(PAGE).into_response())
}

fn told(message: &str) -> Flash {
    Flash { error: Some(HubError::invalid("receipt", message)), ..Flash::default() }
}

async fn receipt_of(mut form: Multipart) -> Result<String, &'static str> {
    const BROKEN: &str = "The form did not come whole, or the file is too large for a receipt. Choose it again.";
    while let Some(field) = form.next_field().await.map_err(|_| BROKEN)? {
        if field.name() == Some("receipt") && field.file_name().is_some_and(|name| !name.is_empty()) {
            return field.text().await.map_err(|_| BROKEN);
        }
    }
    Err("Choose the receipt, as it was downloaded from the page of its run.")
}
