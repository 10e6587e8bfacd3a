//! What the pages show: answers of the hub to the interface. Carried as JSON, so: no secrets, lists by page, times as RFC 3339 in UTC.

mod actor;
mod audience;
mod connecting;
mod destination;
mod endpoint;
mod home;
mod mapping;
mod retention;
mod review;
mod run;
mod share;
mod signing;

pub use actor::{Actor, Role};
pub use audience::{AudiencePage, AudienceSummary, AudienceView, Sample, ValuesShown};
pub use connecting::{
    ApplicationView, BrokenShare, Connect, ConnectionReport, ConnectionStep, Reconnect, Reconnected, Reconnection,
};
pub use destination::{
    AudienceChoice, AudienceChoices, ChooseDestination, Destination, DestinationChoice, DestinationSegment,
    ExistingSegment,
};
pub use endpoint::{
    AccessEnd, BrokenAudience, By, CredentialEndView, EndpointCall, EndpointCatalogue, EndpointHealth, EndpointKey,
    EndpointKeyView, EndpointSummary, EndpointView, WebhookSecretText,
};
pub use home::{AudienceVolatility, DestinationFreshness, HomeView};
pub use mapping::{MappingCause, MappingTemplate, MappingVersion, Misfit, TemplateFit};
pub use retention::{KeptRows, RetentionView};
pub use review::{Confirmation, PreFlight, ReviewWarning, ShareReview};
pub use run::{BesideRun, PartView, RejectSample, RunChoices, RunPage, RunQuery, RunSummary, RunView, TimelineEntry};
pub use share::{Handling, Reviewed, SharePage, ShareQuery, ShareStanding, ShareState, ShareSummary, ShareView};
pub use signing::{SignIn, SignUp};

pub use crate::catalogue::AudienceQuery;
