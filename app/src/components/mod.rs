//! What pages are made of. Each component is in its own file, with its states; its style is `style/components/` under the same name.

pub mod arrival;
pub mod badge;
pub mod bell;
pub mod button;
pub mod choices;
pub mod count;
pub mod dialog;
pub mod empty_state;
pub mod field;
pub mod filters;
pub mod frame;
pub mod icon;
pub mod marked;
pub mod notice;
pub mod page;
pub mod palette;
pub mod progress;
pub mod search_box;
pub mod skeleton;
pub mod stale;
pub mod time;
