//! The locks and counters of this room, so that the model test can put its own in their place.

#[cfg(not(feature = "model"))]
pub(crate) use parking_lot::{Mutex, RwLock};
#[cfg(not(feature = "model"))]
pub(crate) use std::sync::atomic;

#[cfg(feature = "model")]
pub(crate) use model::{Mutex, RwLock};
#[cfg(feature = "model")]
pub(crate) use shuttle::sync::atomic;

/// `parking_lot`'s face over the scheduler-controlled mutex of shuttle.
#[cfg(feature = "model")]
mod model {
    use shuttle::sync::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};

    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(shuttle::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
        }
    }

    #[derive(Debug, Default)]
    pub(crate) struct RwLock<T>(shuttle::sync::RwLock<T>);

    impl<T> RwLock<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(shuttle::sync::RwLock::new(value))
        }

        pub(crate) fn read(&self) -> RwLockReadGuard<'_, T> {
            self.0
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
        }

        pub(crate) fn write(&self) -> RwLockWriteGuard<'_, T> {
            self.0
                .write()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
        }
    }
}
