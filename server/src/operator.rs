//! `usher operator`: who operates the installation. There is no page for it: whoever can start this program on the installation's data may say so.

use std::io::Write;

use clap::Subcommand;
use hub::Hub;

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Action {
    /// Make a person who has signed up an operator
    Add {
        /// Their e-mail address
        email: String,
    },
    /// Make them an ordinary user again
    Remove {
        /// Their e-mail address
        email: String,
    },
    /// List the operators
    List,
}

/// Does it and says what was done.
pub(crate) async fn run(action: &Action, hub: &Hub) -> anyhow::Result<()> {
    let done = tell(action, hub).await;
    hub.close().await;
    done
}

async fn tell(action: &Action, hub: &Hub) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match action {
        Action::Add { email } => match hub.add_operator(email).await? {
            true => writeln!(out, "{email} is an operator now.")?,
            false => writeln!(out, "{email} was an operator already.")?,
        },
        Action::Remove { email } => match hub.remove_operator(email).await? {
            true => writeln!(out, "{email} is no operator any more.")?,
            false => writeln!(out, "{email} was no operator.")?,
        },
        Action::List => {
            for (name, email) in hub.operators().await? {
                writeln!(out, "{email}\t{name}")?;
            }
        }
    }
    Ok(())
}
