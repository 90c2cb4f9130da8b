use lexicon::Time;
use std::sync::Arc;

/// The wall clock as an argument. The binary makes the real one; tests make their own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Time + Send + Sync>);

impl Clock {
    pub fn new(read: impl Fn() -> Time + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    pub fn now(&self) -> Time {
        (self.0)()
    }
}
