//! Alerts: what is the matter and what was, the account's settings of what is told to whom, and a share's own rules.

mod list;
mod rules_form;
mod settings;
mod share;

pub use list::{AlertItem, AlertsPage, unread_alerts};
pub use settings::AlertSettingsPage;
pub use share::{AlertsOfShare, ShareAlertsPage, share_alerts};
