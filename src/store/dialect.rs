//! What differs between SQLite and PostgreSQL: the words of table definitions, and the first words of a writing transaction.

/// Which database is behind [`super::Database`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// One file, one process that writes.
    Sqlite,
    /// PostgreSQL, or a database that speaks its protocol.
    Postgres,
}

impl Dialect {
    /// The dialect that a database URL asks for.
    pub fn of_url(url: &str) -> Option<Self> {
        match url.split_once(':')?.0 {
            "sqlite" => Some(Self::Sqlite),
            "postgres" | "postgresql" => Some(Self::Postgres),
            _ => None,
        }
    }

    /// Begins a transaction that will write. On SQLite it takes the write lock at once, so that it can't fail half-way.
    pub fn begin_write(self) -> &'static str {
        match self {
            Self::Sqlite => "begin immediate",
            Self::Postgres => "begin",
        }
    }

    /// Ends a `select` that picks a row to claim: rows that another claim holds are passed over. SQLite writes one at a time anyway.
    pub fn skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => "for update skip locked",
        }
    }

    /// Ends a `select` whose rows nobody else may change until the transaction ends. On SQLite a writing transaction holds all of them anyway.
    pub fn locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => "for update",
        }
    }

    /// Asks for the database's own time, in milliseconds since 1970 as `now_ms`: the same for every process that shares it.
    pub fn now_ms(self) -> &'static str {
        match self {
            Self::Sqlite => "select cast(unixepoch('subsec') * 1000 as integer) as now_ms",
            Self::Postgres => "select cast(extract(epoch from clock_timestamp()) * 1000 as bigint) as now_ms",
        }
    }

    /// A migration's text in this dialect. Migrations are written with `{integer}` (64 bits), `{bytes}` and `{strict}`.
    pub fn migration(self, text: &str) -> String {
        let (integer, bytes, strict) = match self {
            Self::Sqlite => ("integer", "blob", "strict"),
            Self::Postgres => ("bigint", "bytea", ""),
        };
        text.replace("{integer}", integer).replace("{bytes}", bytes).replace("{strict}", strict)
    }
}
