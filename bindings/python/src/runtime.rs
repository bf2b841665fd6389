//! One tokio runtime for the process: survives `fork`, is quiet when the interpreter ends, and lets Ctrl-C through.

use std::cell::{Cell, OnceCell};
use std::future::Future;
use std::pin::Pin;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3_async_runtimes::{TaskLocals, generic};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::errors::raised;

/// Serving, a gateway and a simulated street share them; a device's work is far below what one thread does.
const WORKERS: usize = 2;
/// How often a blocked call looks for Ctrl-C.
const SIGNALS_EVERY: Duration = Duration::from_millis(50);
/// How long the end of the interpreter waits for calls that are in it.
const LEAVE_WITHIN: Duration = Duration::from_secs(5);

static RUNTIME: AtomicPtr<Runtime> = AtomicPtr::new(std::ptr::null_mut());
static AT_FORK: Once = Once::new();
/// The interpreter is ending: no thread of ours may enter it any more.
static CLOSING: AtomicBool = AtomicBool::new(false);
/// Threads of ours that are in the interpreter, or about to enter it.
static INSIDE: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// In a callback on a thread of the runtime.
    static MAY_WAIT: Cell<bool> = const { Cell::new(false) };
}

/// Leave to be in the interpreter.
pub(crate) struct Visit(());

impl Visit {
    /// None once the interpreter is ending.
    pub(crate) fn begin() -> Option<Self> {
        INSIDE.fetch_add(1, Ordering::SeqCst);
        let visit = Self(());
        (!CLOSING.load(Ordering::SeqCst)).then_some(visit)
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        INSIDE.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Enters the interpreter from any thread, unless it is ending.
pub(crate) fn enter<R>(f: impl for<'py> FnOnce(Python<'py>) -> R) -> Option<R> {
    let _visit = Visit::begin()?;
    Python::try_attach(f)
}

/// Calls into Python from a thread of the runtime, whose other tasks go elsewhere meanwhile: what is called may wait.
pub(crate) fn call_back<R>(f: impl for<'py> FnOnce(Python<'py>) -> R) -> Option<R> {
    tokio::task::block_in_place(|| {
        MAY_WAIT.set(true);
        let done = enter(f);
        MAY_WAIT.set(false);
        done
    })
}

/// For `atexit`: lets no thread in any more, and waits for those that are inside.
#[pyfunction]
pub(crate) fn leave(py: Python<'_>) {
    CLOSING.store(true, Ordering::SeqCst);
    py.detach(|| {
        let begun = Instant::now();
        while INSIDE.load(Ordering::SeqCst) != 0 && begun.elapsed() < LEAVE_WITHIN {
            std::thread::sleep(Duration::from_micros(200));
        }
    });
}

/// In the child of a fork only the forking thread exists. Touching atomics is all that is allowed here; the parent's
/// runtime is leaked, since dropping it would wait for threads that are not there.
extern "C" fn in_forked_child() {
    RUNTIME.store(std::ptr::null_mut(), Ordering::SeqCst);
    INSIDE.store(0, Ordering::SeqCst);
}

/// The runtime of this process, made at its first use.
pub(crate) fn runtime() -> &'static Runtime {
    let current = RUNTIME.load(Ordering::Acquire);
    if !current.is_null() {
        // SAFETY: what is stored there came from `Box::into_raw` and is never freed.
        return unsafe { &*current };
    }
    AT_FORK.call_once(|| {
        // SAFETY: the handler only stores to atomics.
        unsafe { libc::pthread_atfork(None, None, Some(in_forked_child)) };
    });
    let built = Builder::new_multi_thread().worker_threads(WORKERS).thread_name("memcore").enable_all().build();
    let made = Box::into_raw(Box::new(built.expect("the operating system gives threads to a new runtime")));
    match RUNTIME.compare_exchange(std::ptr::null_mut(), made, Ordering::AcqRel, Ordering::Acquire) {
        // SAFETY: as above.
        Ok(_) => unsafe { &*made },
        Err(first) => {
            // SAFETY: `made` was not shared; `first` is as above.
            unsafe { drop(Box::from_raw(made)) };
            unsafe { &*first }
        }
    }
}

/// Waits for a future with the interpreter released; Ctrl-C drops it.
pub(crate) fn wait<T: Send>(py: Python<'_>, future: impl Future<Output = memcore::Result<T>> + Send) -> PyResult<T> {
    if Handle::try_current().is_ok() && !MAY_WAIT.get() {
        let message = "a call that waits was made by a handler of memcore's log, expected one that does not wait";
        return Err(pyo3::exceptions::PyRuntimeError::new_err(message));
    }
    py.detach(|| {
        runtime().block_on(async {
            let mut future = std::pin::pin!(future);
            let mut looking = tokio::time::interval(SIGNALS_EVERY);
            looking.tick().await;
            loop {
                tokio::select! {
                    done = &mut future => return done.map_err(raised),
                    _ = looking.tick() => { enter(|py| py.check_signals()).transpose()?; }
                }
            }
        })
    })
}

/// Does work that blocks on another thread, so that Ctrl-C gets through; the work itself is then done to its end unseen.
pub(crate) fn work<T: Send + 'static>(
    py: Python<'_>,
    f: impl FnOnce() -> memcore::Result<T> + Send + 'static,
) -> PyResult<T> {
    let working = runtime().spawn_blocking(f);
    wait(py, async { working.await.unwrap_or_else(|e| std::panic::resume_unwind(e.into_panic())) })
}

/// An awaitable of the running event loop. Cancelling it drops the future.
pub(crate) fn awaitable<'py, T>(
    py: Python<'py>,
    future: impl Future<Output = PyResult<T>> + Send + 'static,
) -> PyResult<Bound<'py, PyAny>>
where
    T: for<'a> IntoPyObject<'a> + Send + 'static,
{
    generic::future_into_py::<Bridge, _, T>(py, future)
}

/// Drops a value with the interpreter released and the runtime entered: its drop may take locks or start tasks.
pub(crate) fn drop_outside<T: Send>(value: T) {
    let drop_it = move || {
        let _entered = runtime().enter();
        drop(value);
    };
    match Python::try_attach(|_| ()) {
        Some(()) => Python::attach(|py| py.detach(drop_it)),
        None => drop_it(),
    }
}

/// This runtime as the bridge to asyncio sees it.
struct Bridge;

struct Failed(tokio::task::JoinError);

impl generic::JoinError for Failed {
    fn is_panic(&self) -> bool {
        self.0.is_panic()
    }
    fn into_panic(self) -> Box<dyn std::any::Any + Send + 'static> {
        self.0.into_panic()
    }
}

tokio::task_local! {
    static LOCALS: OnceCell<TaskLocals>;
}

impl generic::Runtime for Bridge {
    type JoinError = Failed;
    type JoinHandle = Pin<Box<dyn Future<Output = Result<(), Failed>> + Send>>;

    fn spawn<F: Future<Output = ()> + Send + 'static>(future: F) -> Self::JoinHandle {
        let spawned = runtime().spawn(future);
        Box::pin(async move { spawned.await.map_err(Failed) })
    }

    fn spawn_blocking<F: FnOnce() + Send + 'static>(f: F) -> Self::JoinHandle {
        let spawned = runtime().spawn_blocking(move || match Visit::begin() {
            Some(_visit) => f(),
            // It holds Python objects, which cannot be dropped without the interpreter.
            None => std::mem::forget(f),
        });
        Box::pin(async move { spawned.await.map_err(Failed) })
    }
}

impl generic::ContextExt for Bridge {
    fn scope<F, R>(locals: TaskLocals, future: F) -> Pin<Box<dyn Future<Output = R> + Send>>
    where
        F: Future<Output = R> + Send + 'static,
    {
        let cell = OnceCell::new();
        let _ = cell.set(locals);
        Box::pin(LOCALS.scope(cell, future))
    }

    fn get_task_locals() -> Option<TaskLocals> {
        LOCALS.try_with(|cell| cell.get().cloned()).ok().flatten()
    }
}
