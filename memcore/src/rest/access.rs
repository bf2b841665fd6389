//! Who may use which route and which live topic: the one table.

use axum::http::Method;

use crate::accounts::Role;

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone.
    Public,
    /// Whoever has proved who they are.
    SignedIn,
    /// Who has that role at the operator of the path.
    At(Role),
    /// Who has that role at all operators.
    Everywhere(Role),
    /// Whoever has that role at some operator; they are shown what is of those operators.
    Somewhere(Role),
}

use Access::{At, Everywhere, Public, SignedIn, Somewhere};
use Role::{Admin, Engineer, Operator, Viewer};

macro_rules! routes {
    ($($name:ident $method:ident $path:literal $access:expr;)*) => {
        /// Every route of the API.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(missing_docs, reason = "method and path say it")]
        pub enum Route { $($name,)* }

        impl Route {
            /// Every route, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its method.
            #[must_use]
            pub fn method(self) -> Method {
                match self { $(Self::$name => Method::$method,)* }
            }

            /// Its path, with parameters in braces.
            #[must_use]
            pub const fn path(self) -> &'static str {
                match self { $(Self::$name => concat!("/api/v1", $path),)* }
            }

            /// Who may use it.
            #[must_use]
            pub const fn access(self) -> Access {
                match self { $(Self::$name => $access,)* }
            }
        }
    };
}

routes! {
    // The server
    Health GET "/health" Public;
    Description GET "/openapi.json" Public;
    Metrics GET "/metrics" Everywhere(Viewer);
    ServerStatus GET "/status" Everywhere(Viewer);
    Configuration GET "/configuration" Everywhere(Admin);
    AuditTrail GET "/audit" Everywhere(Admin);
    // Signing in
    SignInMethods GET "/session/methods" Public;
    SessionBegin POST "/session" Public;
    SessionShow GET "/session" SignedIn;
    SessionEnd DELETE "/session" SignedIn;
    PasswordChange PUT "/session/password" SignedIn;
    OidcBegin GET "/session/oidc" Public;
    OidcFinish GET "/session/oidc/callback" Public;
    InvitationShow GET "/invitations/{invitation}" Public;
    InvitationAccept POST "/invitations/{invitation}" Public;
    SessionsList GET "/sessions" SignedIn;
    SessionRevoke DELETE "/sessions/{session}" SignedIn;
    TokensList GET "/tokens" SignedIn;
    TokenCreate POST "/tokens" SignedIn;
    TokenRevoke DELETE "/tokens/{token}" SignedIn;
    // Users
    UsersList GET "/users" Everywhere(Admin);
    UserInvite POST "/users" Everywhere(Admin);
    UserShow GET "/users/{user}" Everywhere(Admin);
    UserChange PATCH "/users/{user}" Everywhere(Admin);
    UserRemove DELETE "/users/{user}" Everywhere(Admin);
    MembersList GET "/operators/{operator}/members" At(Admin);
    MemberInvite POST "/operators/{operator}/members" At(Admin);
    MemberShow GET "/operators/{operator}/members/{user}" At(Admin);
    MemberSet PUT "/operators/{operator}/members/{user}" At(Admin);
    MemberRemove DELETE "/operators/{operator}/members/{user}" At(Admin);
    // Sites and devices
    OperatorsList GET "/operators" Somewhere(Viewer);
    SitesList GET "/operators/{operator}/sites" At(Viewer);
    SiteShow GET "/operators/{operator}/sites/{site}" At(Viewer);
    DevicesList GET "/operators/{operator}/sites/{site}/devices" At(Viewer);
    DeviceEnrol POST "/operators/{operator}/sites/{site}/devices" At(Engineer);
    DeviceShow GET "/operators/{operator}/sites/{site}/devices/{device}" At(Viewer);
    DeviceChange PATCH "/operators/{operator}/sites/{site}/devices/{device}" At(Engineer);
    DeviceRotate POST "/operators/{operator}/sites/{site}/devices/{device}/proofs" At(Engineer);
    DeviceRevoke DELETE "/operators/{operator}/sites/{site}/devices/{device}" At(Engineer);
    ChannelsList GET "/operators/{operator}/sites/{site}/channels" At(Viewer);
    ChannelShow GET "/operators/{operator}/sites/{site}/devices/{device}/channels/{channel}" At(Viewer);
    // Readings
    Latest GET "/operators/{operator}/sites/{site}/latest" At(Viewer);
    Readings GET "/operators/{operator}/sites/{site}/readings" At(Viewer);
    ReadingsWrite POST "/operators/{operator}/sites/{site}/readings" At(Engineer);
    Chart GET "/operators/{operator}/sites/{site}/chart" At(Viewer);
    Flow GET "/operators/{operator}/sites/{site}/flow" At(Viewer);
    EnergyBalance GET "/operators/{operator}/sites/{site}/balance" At(Viewer);
    Findings GET "/operators/{operator}/sites/{site}/findings" At(Viewer);
    Live GET "/operators/{operator}/live" At(Viewer);
    LiveSocket GET "/operators/{operator}/live/socket" At(Viewer);
    ImportsList GET "/operators/{operator}/sites/{site}/imports" At(Engineer);
    ImportBegin POST "/operators/{operator}/sites/{site}/imports" At(Engineer);
    ImportShow GET "/operators/{operator}/sites/{site}/imports/{import}" At(Engineer);
    ImportEnd DELETE "/operators/{operator}/sites/{site}/imports/{import}" At(Engineer);
    // Commands, control, plans, events
    CommandsList GET "/operators/{operator}/sites/{site}/commands" At(Viewer);
    CommandSend POST "/operators/{operator}/sites/{site}/commands" At(Operator);
    CommandShow GET "/operators/{operator}/sites/{site}/commands/{command}" At(Viewer);
    ControlShow GET "/operators/{operator}/sites/{site}/control" At(Viewer);
    ControlEnable PUT "/operators/{operator}/sites/{site}/control/enabled" At(Operator);
    ProposalSend POST "/operators/{operator}/sites/{site}/control/proposals" At(Operator);
    ProposalsWithdraw DELETE "/operators/{operator}/sites/{site}/control/proposals" At(Operator);
    SiteModelShow GET "/operators/{operator}/sites/{site}/control/model" At(Viewer);
    Why GET "/operators/{operator}/sites/{site}/why" At(Viewer);
    PlanCurrent GET "/operators/{operator}/sites/{site}/control/plan" At(Viewer);
    PlansList GET "/operators/{operator}/sites/{site}/plans" At(Viewer);
    PlanSolve POST "/operators/{operator}/sites/{site}/plans" At(Operator);
    PlanShow GET "/operators/{operator}/sites/{site}/plans/{plan}" At(Viewer);
    PlanRemove DELETE "/operators/{operator}/sites/{site}/plans/{plan}" At(Operator);
    PlansCompare GET "/operators/{operator}/sites/{site}/plan-comparison" At(Viewer);
    EventsList GET "/operators/{operator}/events" At(Viewer);
    // Alarms
    AlarmsList GET "/operators/{operator}/alarms" At(Viewer);
    AlarmShow GET "/operators/{operator}/alarms/{alarm}" At(Viewer);
    AlarmAcknowledge POST "/operators/{operator}/alarms/{alarm}/acknowledgement" At(Operator);
    AlarmRulesList GET "/operators/{operator}/alarm-rules" At(Viewer);
    AlarmRuleCreate POST "/operators/{operator}/alarm-rules" At(Engineer);
    AlarmRuleShow GET "/operators/{operator}/alarm-rules/{rule}" At(Viewer);
    AlarmRuleChange PUT "/operators/{operator}/alarm-rules/{rule}" At(Engineer);
    AlarmRuleRemove DELETE "/operators/{operator}/alarm-rules/{rule}" At(Engineer);
    NotifiersList GET "/operators/{operator}/notifiers" At(Engineer);
    NotifierCreate POST "/operators/{operator}/notifiers" At(Admin);
    NotifierShow GET "/operators/{operator}/notifiers/{notifier}" At(Engineer);
    NotifierChange PUT "/operators/{operator}/notifiers/{notifier}" At(Admin);
    NotifierRemove DELETE "/operators/{operator}/notifiers/{notifier}" At(Admin);
    NotifierTest POST "/operators/{operator}/notifiers/{notifier}/test" At(Admin);
}

/// What can be followed live, at an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// Readings as they arrive.
    Readings,
    /// Events of devices and of the server.
    Events,
    /// Commands as they change.
    Commands,
    /// What control decides.
    Control,
    /// Alarms as they are raised, acknowledged and cleared.
    Alarms,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Self; 5] = [Self::Readings, Self::Events, Self::Commands, Self::Control, Self::Alarms];

    /// Its name in requests and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Readings => "readings",
            Self::Events => "events",
            Self::Commands => "commands",
            Self::Control => "control",
            Self::Alarms => "alarms",
        }
    }

    /// The role that it takes at the operator.
    #[must_use]
    pub const fn role(self) -> Role {
        match self {
            Self::Readings | Self::Events | Self::Commands | Self::Control | Self::Alarms => Viewer,
        }
    }
}
