//! What the endpoint answers when it cannot do what was asked: one table of codes, each with its HTTP status.
//!
//! Details are sentences for people and never carry a row's value, a key or the database's own message; those go to the log, without
//! values. How a fault becomes an HTTP answer is in [`crate::api`].

/// How many seconds to wait, time after time, before trying again what a database or folder was not available for: in all longer than a
/// server takes to start.
pub const PAUSES: [u64; 7] = [1, 1, 2, 5, 10, 20, 40];

/// A stable word for what went wrong, as programs read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// The word on the wire.
    pub word: &'static str,
    /// The HTTP status that goes with it.
    pub status: u16,
    /// The kind of problem, for people.
    pub title: &'static str,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $status:literal $word:literal $title:literal;)*) => {
        impl Code {
            $($(#[$doc])* pub const $name: Self = Self { word: $word, status: $status, title: $title };)*
            /// Every code, for the test that the manual lists them.
            #[cfg(test)]
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

codes! {
    /// No key, or a wrong one.
    WRONG_KEY = 401 "wrong_key" "The authentication key is missing or wrong";
    /// No such path.
    NO_SUCH_PATH = 404 "no_such_path" "There is nothing at this address";
    /// The path does not take this method.
    WRONG_METHOD = 405 "wrong_method" "This address does not take this method";
    /// No such segment.
    NO_SUCH_SEGMENT = 404 "no_such_segment" "There is no such segment";
    /// No such job.
    NO_SUCH_JOB = 404 "no_such_job" "There is no such job";
    /// No such part.
    NO_SUCH_PART = 404 "no_such_part" "There is no such part";
    /// The body or a parameter cannot be read.
    INVALID_REQUEST = 400 "invalid_request" "The request cannot be read";
    /// The body is larger than is taken.
    TOO_LARGE = 413 "too_large" "The body is too large";
    /// A content encoding or media type that is not taken.
    UNSUPPORTED = 415 "unsupported_encoding" "The content encoding or media type is not taken";
    /// The bytes that came are not those that were digested.
    DIGEST_MISMATCH = 400 "digest_mismatch" "The content does not match its digest";
    /// The job asks for what this endpoint does not do.
    JOB_NOT_TAKEN = 422 "job_not_taken" "This endpoint does not take such a job";
    /// A field that the segment or the endpoint does not have.
    UNKNOWN_FIELD = 422 "unknown_field" "There is no such field";
    /// A field without which the job cannot be done.
    FIELD_MISSING = 422 "field_missing" "A needed field is missing";
    /// The part's bytes are not the CSV that was announced.
    INVALID_DATA = 422 "invalid_data" "The data cannot be read";
    /// The part's header is not what was announced.
    HEADER_DIFFERS = 422 "header_differs" "The header has other columns than the job announced";
    /// The id is taken by another job.
    JOB_DIFFERS = 409 "job_differs" "A different job has this id";
    /// A segment of this name is there already.
    SEGMENT_EXISTS = 409 "segment_exists" "A segment of this name exists";
    /// The part number came with other content before.
    PART_DIFFERS = 409 "part_differs" "This part was taken with other content";
    /// The totals are not what was taken.
    TOTALS_DIFFER = 409 "totals_differ" "The totals differ from what was taken";
    /// A replacement with nobody in it.
    WOULD_EMPTY = 409 "would_empty" "This would empty the segment";
    /// The job's status does not allow it.
    WRONG_STATUS = 409 "wrong_status" "The job's status does not allow this";
    /// The export is still being made.
    NOT_READY = 409 "not_ready" "The data is not ready yet";
    /// The export's file was removed.
    DATA_REMOVED = 410 "data_removed" "The data was removed";
    /// The range lies outside the data.
    RANGE_NOT_SATISFIABLE = 416 "range_not_satisfiable" "The range lies outside the data";
    /// Another program holds the database, or it cannot be opened.
    DATABASE_UNAVAILABLE = 503 "database_unavailable" "The database is not available now";
    /// The folder or a file of it cannot be read or written.
    FOLDER_UNAVAILABLE = 503 "folder_unavailable" "The folder is not available now";
    /// A file changed while it was read.
    FILE_CHANGED = 503 "file_changed" "The file changed while it was read";
    /// Our fault; the log says more.
    INTERNAL = 500 "internal" "Something went wrong in this endpoint";
}

/// Why a request is not fulfilled.
#[derive(Debug, thiserror::Error)]
#[error("{}: {detail}", .code.word)]
pub struct Fault {
    /// What kind.
    pub code: Code,
    /// What happened here, and what to do.
    pub detail: String,
    /// For the log only.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Fault {
    /// A fault that the caller can mend.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), source: None }
    }

    /// A fault of ours; `doing` is the step that failed.
    pub fn internal(doing: &str, error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self {
            code: Code::INTERNAL,
            detail: format!("{doing} failed; nothing was changed. The endpoint's log says why."),
            source: Some(Box::new(error)),
        }
    }

    /// A file or folder that is not there, full, or closed to us.
    pub fn folder(error: std::io::Error) -> Self {
        Self {
            code: Code::FOLDER_UNAVAILABLE,
            detail: "The folder or one of its files is missing, full, or cannot be read or written; nothing was changed. Try again."
                .to_owned(),
            source: Some(Box::new(error)),
        }
    }

    /// A fault on the way to or from a CSV file that was written here.
    pub fn csv(error: csv::Error) -> Self {
        match error.into_kind() {
            csv::ErrorKind::Io(error) => Self::folder(error),
            kind => Self::internal("Reading or writing CSV", std::io::Error::other(format!("{kind:?}"))),
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull};
        match error.sqlite_error_code() {
            Some(DatabaseBusy | DatabaseLocked | CannotOpen | DiskFull) => Self {
                code: Code::DATABASE_UNAVAILABLE,
                detail: "The database is busy, full or cannot be opened; nothing was changed. Try again.".to_owned(),
                source: Some(Box::new(error)),
            },
            _ => Self::internal("Working with the database", error),
        }
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self::internal("Reading or writing a file", error)
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::internal("Reading a stored record", error)
    }
}

impl From<tokio::task::JoinError> for Fault {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::internal("A task", error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_lists_every_code() {
        let manual = include_str!("../../docs/TOOLKIT.md");
        for code in Code::ALL {
            assert!(
                manual.contains(&format!("| `{}` | {} |", code.word, code.status)),
                "docs/TOOLKIT.md lacks {}",
                code.word
            );
        }
    }
}
