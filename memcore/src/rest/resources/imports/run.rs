//! An import at work: in its turn, on a thread of its own, until it ends or is ended.

use std::sync::Arc;

use serde_json::{Value, json};

use super::job::Job;
use super::upload::Received;
use crate::error::{Error, ErrorKind, Result};
use crate::rest::api::Api;
use crate::runtime::{ImportReport, ImportRequest, Memcore, Progress, import_file};

/// Waits for its turn, and imports the file. The file goes with it.
pub(super) async fn run(api: Api, job: Arc<Job>, request: ImportRequest, file: Received) {
    let turn = tokio::select! {
        turn = api.inner.imports.turn.acquire() => turn,
        () = job.cancelled.notified() => return,
    };
    // Nobody closes it.
    let Ok(_turn) = turn else { return };
    if !job.start() {
        return;
    }
    let (memcore, working) = (api.server().memcore().clone(), job.clone());
    let worked = tokio::task::spawn_blocking(move || {
        let _file = file;
        work(&memcore, &working, &request)
    });
    let now = || api.server().clock().now();
    match worked.await {
        Ok(Ok(report)) => job.done(report, now()),
        Ok(Err(problem)) => job.fail(problem, now()),
        Err(_) => job.fail("the work broke off".to_owned(), now()),
    }
}

fn work(memcore: &Memcore, job: &Job, request: &ImportRequest) -> Result<Value, String> {
    let mut tell = |progress: &Progress| match job.progress(*progress) {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::Closed, "the import was cancelled")),
    };
    let path = request.file.display().to_string();
    // What the file is called here is nobody's business.
    let shown = |text: String| text.replace(&path, job.name());
    match import_file(memcore, request, &mut tell) {
        Ok(report) => Ok(told(job.name(), request.dry_run, &report)),
        Err(e) => Err(shown(e.message().to_owned())),
    }
}

/// As `memcore import --json` says it.
fn told(name: &str, dry_run: bool, report: &ImportReport) -> Value {
    let mut told = json!({"file": name, "dry_run": dry_run});
    if let (Value::Object(told), Ok(Value::Object(report))) = (&mut told, serde_json::to_value(report)) {
        told.extend(report);
    }
    told
}
