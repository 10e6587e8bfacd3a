//! One plain mail to a person, handed to the installation's mail server (SMTP). What it says, and when it is sent again, is its caller's matter.

use std::{fmt, time::Duration};

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, header},
    transport::smtp::{authentication::Credentials, client::Tls, client::TlsParameters},
};

/// How long the mail server may take for a step.
const PATIENCE: Duration = Duration::from_secs(20);

/// How the way to the mail server is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// Begins in the open and is sealed before anything is said (STARTTLS); a server that can't is refused.
    StartTls,
    /// Sealed from the first byte.
    Tls,
    /// In the open: only for a server on the same machine or network.
    None,
}

/// The installation's mail server.
#[derive(Clone)]
pub struct MailSettings {
    /// Its name or address.
    pub host: String,
    /// Its port; none takes the usual one for the way it is reached.
    pub port: Option<u16>,
    /// How the way to it is sealed.
    pub tls: MailTls,
    /// Who signs in there, and with which password.
    pub credentials: Option<(String, String)>,
    /// What mails come from: `Usher <usher@example.org>`.
    pub from: String,
}

impl fmt::Debug for MailSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MailSettings({}:{:?})", self.host, self.port)
    }
}

/// Why mail can't be sent from this installation.
#[derive(Debug, thiserror::Error)]
pub enum WrongMailSettings {
    /// The sender.
    #[error("mails can't come from “{0}”; it must look like Usher <usher@example.org>")]
    From(String),
    /// The server.
    #[error("the mail server's name can't be used: {0}")]
    Server(lettre::transport::smtp::Error),
}

/// Why a mail was not taken. Says nothing of the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// This installation has no mail server.
    #[error("this installation has no mail server (USHER_SMTP_HOST)")]
    NoServer,
    /// The server or the way to it does not do its part now.
    #[error("the mail server did not take it now{}", .0.map(|code| format!(" ({code})")).unwrap_or_default())]
    Later(Option<u16>),
    /// The server does not take it, and will not.
    #[error("the mail server refused it{}", .0.map(|code| format!(" ({code})")).unwrap_or_default())]
    Refused(Option<u16>),
    /// There is no such address.
    #[error("the address can't be written to")]
    Address,
}

/// A mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// To whom: an address.
    pub to: String,
    /// What it is about.
    pub subject: String,
    /// What it says.
    pub text: String,
    /// The same for every repeat, so that programs of receivers show it once.
    pub id: String,
}

/// Hands mails to the server; cheap to clone.
#[derive(Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Mailer {
    /// Connects to nothing yet.
    pub fn new(settings: &MailSettings) -> Result<Self, WrongMailSettings> {
        let from: Mailbox = settings.from.parse().map_err(|_| WrongMailSettings::From(settings.from.clone()))?;
        let parameters = || TlsParameters::new(settings.host.clone()).map_err(WrongMailSettings::Server);
        let (tls, usual) = match settings.tls {
            MailTls::StartTls => (Tls::Required(parameters()?), 587),
            MailTls::Tls => (Tls::Wrapper(parameters()?), 465),
            MailTls::None => (Tls::None, 25),
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(settings.host.clone())
            .port(settings.port.unwrap_or(usual))
            .tls(tls)
            .timeout(Some(PATIENCE));
        if let Some((user, password)) = &settings.credentials {
            transport = transport.credentials(Credentials::new(user.clone(), password.clone()));
        }
        Ok(Self { transport: transport.build(), from })
    }

    /// Hands a mail over; a success says that the server took it.
    pub async fn send(&self, mail: Mail) -> Result<(), MailError> {
        let to = mail.to.parse().map_err(|_| MailError::Address)?;
        let domain = self.from.email.domain();
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(mail.subject)
            .message_id(Some(format!("<{}@{domain}>", mail.id)))
            // Holiday notices and the like are not wanted (RFC 3834).
            .raw_header(header::HeaderValue::new(
                header::HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            .header(header::ContentType::TEXT_PLAIN)
            .body(mail.text)
            .map_err(|_| MailError::Address)?;
        let sent = self.transport.send(message).await;
        sent.map(drop).map_err(|error| {
            let code = error.status().map(u16::from);
            if error.is_permanent() { MailError::Refused(code) } else { MailError::Later(code) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(from: &str) -> MailSettings {
        MailSettings {
            host: "127.0.0.1".to_owned(),
            port: Some(1),
            tls: MailTls::None,
            credentials: Some(("usher".to_owned(), "a secret of mail".to_owned())),
            from: from.to_owned(),
        }
    }

    #[tokio::test]
    async fn what_is_wrong_with_settings_and_addresses_is_said() {
        assert!(matches!(Mailer::new(&settings("nobody")), Err(WrongMailSettings::From(_))));
        let mailer = Mailer::new(&settings("Usher <usher@example.org>")).expect("is well");
        let mail = |to: &str| Mail {
            to: to.to_owned(),
            subject: "Failing".to_owned(),
            text: "Nobody listens there.".to_owned(),
            id: "msg_1".to_owned(),
        };
        assert_eq!(mailer.send(mail("ann")).await, Err(MailError::Address));
        assert_eq!(mailer.send(mail("ann@example.org")).await, Err(MailError::Later(None)));
        assert!(!format!("{:?}", settings("Usher <usher@example.org>")).contains("secret"));
    }
}
