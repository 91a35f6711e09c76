//! Tasks that stay on their thread.

use std::future::Future;

use hyper::rt::Executor;

/// Runs what hyper's HTTP/2 wants run, on this thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalExecutor;

impl<F: Future<Output: 'static> + 'static> Executor<F> for LocalExecutor {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}
