//! The calendar outside of its page: the feed that calendar programs read, its address, which comes as a file once, and calendar files of holidays.

use app::flash::Flash;
use axum::{
    extract::{Multipart, Path, State},
    response::{IntoResponse, Redirect, Response},
};
use http::{
    HeaderMap, StatusCode,
    header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HOST, ORIGIN},
};
use hub::{
    Hub,
    sharing::{LARGEST_CALENDAR, ReadCalendar},
};
use model::{error::HubError, view::Actor};
use tower_sessions::Session;

use crate::signed_in::{Refusal, SignedIn};

/// The page of blackouts.
const BLACKOUTS: &str = "/schedule/blackouts";

/// `GET /calendar/{token}.ics`: the account's calendar, for whoever knows the address. A wrong one is not told from one that has ended.
pub(crate) async fn feed(State(hub): State<Hub>, Path(file): Path<String>) -> Result<Response, Refusal> {
    let nothing = || HubError::not_found("calendar");
    let token = file.strip_suffix(".ics").ok_or_else(nothing)?;
    let text = hub.calendar_feed(token).await?.ok_or_else(nothing)?;
    let headers = [
        (CONTENT_TYPE, "text/calendar; charset=utf-8"),
        (CONTENT_DISPOSITION, "inline; filename=\"usher.ics\""),
        (CACHE_CONTROL, "private, max-age=300"),
    ];
    Ok((headers, text).into_response())
}

/// `POST /schedule/address`: makes the person's address of the calendar, and ends the one before.
pub(crate) async fn make_address(
    SignedIn(actor): SignedIn,
    State(hub): State<Hub>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let token = hub.renew_calendar_feed(&actor).await?;
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    // The browser says with a form from where it comes, which is where people reach this Usher.
    let origin = match (text(ORIGIN).filter(|origin| origin.starts_with("http")), text(HOST)) {
        (Some(origin), _) => origin.to_owned(),
        (None, host) => format!("http://{}", host.unwrap_or("localhost")),
    };
    let headers = [
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=\"usher-calendar-address.txt\""),
        (CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, format!("{origin}/calendar/{token}.ics\n")).into_response())
}

/// `POST /schedule/blackouts/file`: a form with one `file` and a `zone`. Leads back to the page, which says what became of it.
pub(crate) async fn read_holidays(
    SignedIn(actor): SignedIn,
    State(hub): State<Hub>,
    session: Session,
    form: Multipart,
) -> Result<Response, Refusal> {
    let flash = match read(&hub, &actor, form).await {
        Ok(read) => Flash { notice: Some(sentence(read)), ..Flash::default() },
        Err(error @ (HubError::Invalid { .. } | HubError::Forbidden { .. })) => {
            Flash { error: Some(error), ..Flash::default() }
        }
        Err(error) => return Err(error.into()),
    };
    if let Err(error) = app::flash::leave_in(&session, BLACKOUTS, flash).await {
        tracing::error!(%error, "what became of an upload could not be told");
        return Ok(StatusCode::INTERNAL_SERVER_ERROR.into_response());
    }
    Ok(Redirect::to(BLACKOUTS).into_response())
}

async fn read(hub: &Hub, actor: &Actor, mut form: Multipart) -> Result<ReadCalendar, HubError> {
    let broken = |_| HubError::invalid("file", "The form did not come whole. Send it again.");
    let (mut zone, mut text) = (String::new(), String::new());
    while let Some(mut field) = form.next_field().await.map_err(broken)? {
        let name = field.name().unwrap_or_default().to_owned();
        let mut bytes = Vec::new();
        while let Some(chunk) = field.chunk().await.map_err(broken)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > LARGEST_CALENDAR {
                return Err(HubError::invalid("file", "The file is larger than 1 MiB. Choose one with fewer events."));
            }
        }
        let value = String::from_utf8(bytes).map_err(|_| {
            HubError::invalid("file", "This is no calendar file (iCalendar, .ics). Choose another one.")
        })?;
        match name.as_str() {
            "file" => text = value,
            "zone" => zone = value,
            _ => {}
        }
    }
    if text.is_empty() {
        return Err(HubError::invalid("file", "Choose a calendar file (.ics)."));
    }
    hub.add_blackouts_of_calendar(actor, &text, zone.trim()).await
}

fn sentence(read: ReadCalendar) -> String {
    let mut sentence = match read.added {
        1 => "One blackout was added.".to_owned(),
        added => format!("{added} blackouts were added."),
    };
    if read.known > 0 {
        sentence.push_str(&format!(" {} were there already.", read.known));
    }
    if read.left_out > 0 {
        sentence.push_str(&format!(
            " {} events were left out, because they repeat or have no readable day.",
            read.left_out
        ));
    }
    sentence
}
