//! Changing the master key: a new one is made, and what the old one has sealed is sealed anew, while every process goes on.

use std::{io::Write, path::Path};

use anyhow::bail;

use crate::{master_key, settings::HubOptions};

/// Rows that are named when they can't be opened.
const MOST_NAMED: usize = 10;

/// `usher make-master-key FILE`.
pub(crate) fn make_master_key(file: &Path) -> anyhow::Result<()> {
    master_key::make_new(file)?;
    writeln!(
        std::io::stdout(),
        "A new master key is in {}. Make a backup of it before it is used.\n\
         First let every process open with it (USHER_OTHER_MASTER_KEY_FILES), then make it the current one \
         (USHER_MASTER_KEY_FILE) and the old one the other, and then run `usher reseal`.",
        file.display()
    )?;
    Ok(())
}

/// `usher reseal`: with the same settings as the processes that serve.
pub(crate) async fn reseal(options: &HubOptions) -> anyhow::Result<()> {
    let hub = options.open().await?;
    let outcome = hub.reseal().await?;
    hub.close().await;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "Sealed anew: {}. With the current key: {}. Open with none of the keys: {}.",
        outcome.resealed,
        outcome.current,
        outcome.unopenable.len()
    )?;
    if outcome.unopenable.is_empty() {
        writeln!(
            out,
            "Nothing needs another master key any more. Once every process has the new key as its current one, take the other keys \
             out of their settings. Keep the old key for as long as you keep backups from before."
        )?;
        return Ok(());
    }
    let named: Vec<_> = outcome.unopenable.iter().take(MOST_NAMED).map(|(table, id)| format!("{table} {id}")).collect();
    bail!(
        "some of what is sealed opens with none of the keys ({}{}). Name the key that it was sealed with in USHER_OTHER_MASTER_KEY_FILES and \
         run this again; no key should go before that",
        named.join(", "),
        if outcome.unopenable.len() > MOST_NAMED { ", and more" } else { "" }
    )
}
