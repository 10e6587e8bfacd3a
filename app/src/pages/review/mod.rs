//! Review: what operators of the installation do with applications that were submitted, and with those that are in the gallery.

mod application;
mod list;

pub use application::ReviewApplicationPage;
pub use list::ReviewPage;
