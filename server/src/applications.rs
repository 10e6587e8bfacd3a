//! What people upload for an application that they define, and its logo as it is served. A file is no field of a server function.

use std::collections::BTreeMap;

use app::flash::Flash;
use axum::{
    extract::{Multipart, Path, State},
    response::{IntoResponse, Redirect, Response},
};
use http::{
    StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use hub::{
    Hub,
    registry::{LARGEST_FIELDS_FILE, LARGEST_LOGO},
};
use model::{error::HubError, id::ApplicationId};
use tower_sessions::Session;

use crate::signed_in::{Refusal, SignedIn};

/// Inputs of the step in which a logo is uploaded: what was typed into them goes along, and back to the page.
const BESIDE_LOGO: [&str; 4] = ["name", "description", "category", "support"];

/// A posted form: its one file, whether its box was ticked, and what else was typed.
#[derive(Default)]
struct Posted {
    file: Vec<u8>,
    in_place: bool,
    typed: BTreeMap<String, String>,
}

/// `GET /logos/{digest}.png`: the picture that was made of what somebody uploaded. It never changes.
pub(crate) async fn logo(
    SignedIn(_): SignedIn,
    State(hub): State<Hub>,
    Path(file): Path<String>,
) -> Result<Response, Refusal> {
    let digest = file.strip_suffix(".png").ok_or_else(|| HubError::not_found("logo"))?;
    let picture = hub.application_logo(digest).await?;
    let headers = [(CONTENT_TYPE, "image/png"), (CACHE_CONTROL, "private, max-age=31536000, immutable")];
    Ok((headers, picture).into_response())
}

/// `POST /applications/{id}/logo`: a form with one `logo`. Leads back to the page, which says what became of it, and still has what was typed beside it.
pub(crate) async fn set_logo(
    SignedIn(actor): SignedIn,
    State(hub): State<Hub>,
    session: Session,
    Path(id): Path<String>,
    form: Multipart,
) -> Result<Response, Refusal> {
    let mut posted = Posted::default();
    let done = async {
        let id: ApplicationId = id.parse().map_err(|_| HubError::not_found("application"))?;
        let too_large = "The file is larger than 2 MiB. Choose a smaller picture.";
        read(&mut posted, form, "logo", LARGEST_LOGO, too_large).await?;
        if posted.file.is_empty() {
            return Err(HubError::invalid("logo", "Choose a picture first."));
        }
        hub.set_application_logo(&actor, &id, std::mem::take(&mut posted.file)).await?;
        Ok("The logo was saved.".to_owned())
    };
    let done = done.await;
    told(&session, &format!("/applications/{id}/about"), posted.typed, done).await
}

/// `POST /applications/{id}/fields-file`: a form with one `file`. Leads back to the page, which says what became of it.
pub(crate) async fn read_fields(
    SignedIn(actor): SignedIn,
    State(hub): State<Hub>,
    session: Session,
    Path(id): Path<String>,
    form: Multipart,
) -> Result<Response, Refusal> {
    let done = async {
        let id: ApplicationId = id.parse().map_err(|_| HubError::not_found("application"))?;
        let too_large = "The file is larger than 1 MiB. A header line is enough.";
        let mut posted = Posted::default();
        read(&mut posted, form, "file", LARGEST_FIELDS_FILE, too_large).await?;
        if posted.file.is_empty() {
            return Err(HubError::invalid("file", "Choose a CSV or JSON file with something in it."));
        }
        let count = hub.read_application_fields(&actor, &id, &posted.file, posted.in_place).await?;
        Ok(match count {
            1 => "One field was read. Look it over.".to_owned(),
            count => format!(
                "{count} fields were read. Look them over: types were guessed where the file does not tell them."
            ),
        })
    };
    told(&session, &format!("/applications/{id}/fields"), BTreeMap::new(), done.await).await
}

async fn read(
    posted: &mut Posted,
    mut form: Multipart,
    name: &str,
    most: usize,
    too_large: &str,
) -> Result<(), HubError> {
    let broken = |_| HubError::invalid(name, "The form did not come whole. Send it again.");
    while let Some(mut field) = form.next_field().await.map_err(broken)? {
        if field.name() == Some("in_place") {
            posted.in_place = true;
        }
        let typed = BESIDE_LOGO.iter().find(|typed| field.name() == Some(**typed));
        if let Some(typed) = typed {
            let mut text = Vec::new();
            while let Some(chunk) = field.chunk().await.map_err(broken)? {
                text.extend_from_slice(&chunk);
                if text.len() > app::flash::LONGEST_VALUE {
                    return Err(HubError::invalid(*typed, "This is too long. Shorten it."));
                }
            }
            posted.typed.insert((*typed).to_owned(), String::from_utf8_lossy(&text).into_owned());
            continue;
        }
        if field.name() != Some(name) {
            continue;
        }
        while let Some(chunk) = field.chunk().await.map_err(broken)? {
            posted.file.extend_from_slice(&chunk);
            if posted.file.len() > most {
                return Err(HubError::invalid(name, too_large));
            }
        }
    }
    Ok(())
}

/// Leads back to a page, which says what was done, or what is wrong, and has what was typed.
async fn told(
    session: &Session,
    path: &str,
    values: BTreeMap<String, String>,
    done: Result<String, HubError>,
) -> Result<Response, Refusal> {
    let flash = match done {
        Ok(notice) => Flash { values, notice: Some(notice), error: None },
        Err(error @ (HubError::Invalid { .. } | HubError::Conflict { .. } | HubError::Forbidden { .. })) => {
            Flash { values, error: Some(error), notice: None }
        }
        Err(error) => return Err(error.into()),
    };
    if let Err(error) = app::flash::leave_in(session, path, flash).await {
        tracing::error!(%error, "what became of an upload could not be told");
        return Ok(StatusCode::INTERNAL_SERVER_ERROR.into_response());
    }
    Ok(Redirect::to(path).into_response())
}
