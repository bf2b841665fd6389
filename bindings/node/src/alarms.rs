//! Alarms as they are raised, acknowledged and cleared.

use std::future::Future;

use futures_util::FutureExt;
use memcore::AlarmUpdates;
use memcore::alarms::AlarmChange;
use memcore::model::Name;
use napi_derive::napi;

use crate::error::{Result, ToNode};
use crate::live::{Feed, Source};
use crate::server::NativeServer;

/// Follows what becomes of the alarms of an operator.
#[napi(catch_unwind)]
pub(crate) fn alarm_changes(server: &NativeServer, operator: String) -> Result<NativeAlarmChanges> {
    let handle = server.control_handle().to_node()?;
    let operator = Name::new(&operator).map_err(|e| e.context("operator")).to_node()?;
    let changes = handle.alarms().subscribe(&operator);
    Feed::start(async move { Ok(changes) }).map(NativeAlarmChanges)
}

impl Source for AlarmUpdates {
    type Item = AlarmChange;
    fn next(&mut self) -> impl Future<Output = Option<AlarmChange>> + Send {
        Self::next(self)
    }
    fn try_next(&mut self) -> Option<AlarmChange> {
        Self::next(self).now_or_never().flatten()
    }
    fn lost(&self) -> u64 {
        Self::lost(self)
    }
}

/// What becomes of alarms, each change as its JSON.
#[napi]
pub struct NativeAlarmChanges(pub(crate) Feed<AlarmUpdates>);

#[napi]
impl NativeAlarmChanges {
    /// What is there, or the first that comes; nothing once there will be none.
    #[napi]
    pub async fn take(&self) -> Result<Vec<String>> {
        let changes = self.0.take().await?;
        changes.iter().map(|change| Ok(serde_json::to_string(change)?)).collect()
    }

    /// How many changes were dropped because they were not taken in time.
    #[napi(getter, catch_unwind)]
    pub fn lost(&self) -> i64 {
        self.0.lost() as i64
    }

    /// Ends it. Doing it again does nothing.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.0.close();
    }
}
