//! What people upload for an application that they define, and its logo as it is served. A file is no field of a server function.

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

/// A posted form: its one file, and whether its box was ticked.
struct Posted {
    file: Vec<u8>,
    in_place: bool,
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

/// `POST /applications/{id}/logo`: a form with one `logo`. Leads back to the page, which says what became of it.
pub(crate) async fn set_logo(
    SignedIn(actor): SignedIn,
    State(hub): State<Hub>,
    session: Session,
    Path(id): Path<String>,
    form: Multipart,
) -> Result<Response, Refusal> {
    let done = async {
        let id: ApplicationId = id.parse().map_err(|_| HubError::not_found("application"))?;
        let posted =
            read(form, "logo", LARGEST_LOGO, "The file is larger than 2 MiB. Choose a smaller picture.").await?;
        if posted.file.is_empty() {
            return Err(HubError::invalid("logo", "Choose a picture first."));
        }
        hub.set_application_logo(&actor, &id, posted.file).await?;
        Ok("The logo was saved.".to_owned())
    };
    told(&session, &format!("/applications/{id}/about"), done.await).await
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
        let posted = read(form, "file", LARGEST_FIELDS_FILE, too_large).await?;
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
    told(&session, &format!("/applications/{id}/fields"), done.await).await
}

async fn read(mut form: Multipart, name: &str, most: usize, too_large: &str) -> Result<Posted, HubError> {
    let broken = |_| HubError::invalid(name, "The form did not come whole. Send it again.");
    let mut posted = Posted { file: Vec::new(), in_place: false };
    while let Some(mut field) = form.next_field().await.map_err(broken)? {
        if field.name() == Some("in_place") {
            posted.in_place = true;
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
    Ok(posted)
}

/// Leads back to a page, which says what was done, or what is wrong.
async fn told(session: &Session, path: &str, done: Result<String, HubError>) -> Result<Response, Refusal> {
    let flash = match done {
        Ok(notice) => Flash { notice: Some(notice), ..Flash::default() },
        Err(error @ (HubError::Invalid { .. } | HubError::Conflict { .. } | HubError::Forbidden { .. })) => {
            Flash { error: Some(error), ..Flash::default() }
        }
        Err(error) => return Err(error.into()),
    };
    if let Err(error) = app::flash::leave_in(session, path, flash).await {
        tracing::error!(%error, "what became of an upload could not be told");
        return Ok(StatusCode::INTERNAL_SERVER_ERROR.into_response());
    }
    Ok(Redirect::to(path).into_response())
}
