//! The description of the API: OpenAPI 3.1, from the code of its handlers.

use utoipa::OpenApi;

use super::api::Routes;

#[derive(OpenApi)]
#[openapi(info(
    title = "memcore",
    description = "Sites, devices, history, plans, commands and alarms of a memcore server."
))]
struct Introduction;

pub(super) fn introduction() -> utoipa::openapi::OpenApi {
    Introduction::openapi()
}

/// The description of the whole API, in JSON.
#[must_use]
pub fn openapi() -> String {
    let description = Routes::described().router.into_openapi();
    description.to_pretty_json().unwrap_or_default()
}
