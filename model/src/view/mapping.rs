//! What is kept of a share's mapping: its versions with what made them, and templates with how they fit.

use serde::{Deserialize, Serialize};

use crate::id::TemplateId;

/// Why a mapping was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MappingCause {
    /// A person mapped.
    Edited,
    /// Another destination was chosen, which lacks some of the fields.
    Destination,
    /// Another audience was chosen, which lacks some of the fields.
    Audience,
    /// A template was applied.
    Template,
    /// An earlier version was put in place again.
    Restored,
    /// A person accepted what was proposed after fields had changed.
    Remapped,
    /// It came with the share of which this one is a copy.
    Copied,
}

impl MappingCause {
    /// Every cause.
    pub const ALL: [Self; 7] =
        [Self::Edited, Self::Destination, Self::Audience, Self::Template, Self::Restored, Self::Remapped, Self::Copied];

    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Edited => "edited",
            Self::Destination => "destination",
            Self::Audience => "audience",
            Self::Template => "template",
            Self::Restored => "restored",
            Self::Remapped => "remapped",
            Self::Copied => "copied",
        }
    }

    /// The cause of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == word)
    }
}

/// One version of a share's mapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingVersion {
    /// Its number.
    pub version: u32,
    /// Why it was made.
    pub cause: MappingCause,
    /// What it was taken from: a template's name, the number of a version, a share's name.
    pub note: Option<String>,
    /// Who made it.
    pub changed_by: String,
    /// When.
    pub changed_at: String,
    /// A run used it.
    pub is_used: bool,
    /// What it changed in the one before, as sentences.
    pub changes: Vec<String>,
    /// What putting it in place again would change now, as sentences.
    pub restoring: Vec<String>,
}

/// A mapping that is kept by name, to be used again between the same two applications.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingTemplate {
    /// Its id.
    pub id: TemplateId,
    /// Its name.
    pub name: String,
    /// From which application.
    pub source_application: String,
    /// To which one.
    pub destination_application: String,
    /// How many fields it maps.
    pub links: u32,
    /// Who changed it last.
    pub changed_by: String,
    /// When.
    pub updated_at: String,
}

/// What of a template fits a share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateFit {
    /// The template.
    pub template: MappingTemplate,
    /// The destination's fields that it would map.
    pub fitting: Vec<String>,
    /// Of these, mapped already.
    pub mapped_already: u32,
    /// Those that it can't map here, and why.
    pub misfits: Vec<Misfit>,
}

/// A field of a template that does not fit a share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Misfit {
    /// The destination's field.
    pub field: String,
    /// Why.
    pub reason: String,
}
