//! The Integration Manager: the applications that an account provides, the steps in which one is defined, its Test Drive, and its way into review. What an
//! operator does with it is in [`super::review`]; connecting an approved application is not here.
//!
//! Its forms are posted by the browser itself: nothing in them is better for being sent by the page's program, and the pages stay small.

mod about;
mod application;
mod credentials;
mod delivery;
mod fields;
mod lines;
mod list;
mod steps;
mod submit;
mod test_drive;
mod types;
mod urls;

pub use about::AboutPage;
pub use application::ApplicationPage;
pub use credentials::CredentialsPage;
pub use delivery::DeliveryPage;
pub use fields::FieldsPage;
pub use lines::{ApplicationHead, History, Lines, StateBadge, WhatItSays};
pub use list::{ApplicationTable, ApplicationsPage};
pub use submit::SubmitPage;
pub use test_drive::{DriveReportView, TestDrivePage};
pub use types::TypesPage;
pub use urls::UrlsPage;
