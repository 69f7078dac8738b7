//! The process-wide instance, for programs that want one.
//!
//! It is there between `init` and `shutdown`, and only then: asking for it earlier or
//! later is an error that says so, and so is starting it twice. After a shutdown it can
//! be started again.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::{Error, Larder, LarderBuilder, Result};

static INSTANCE: RwLock<Instance> = RwLock::new(Instance::Absent {
    after_shutdown: false,
});

enum Instance {
    Absent { after_shutdown: bool },
    Starting,
    Running(Larder),
}

impl Instance {
    fn not_initialized(&self) -> Error {
        let after_shutdown = matches!(
            self,
            Self::Absent {
                after_shutdown: true
            }
        );
        Error::NotInitialized { after_shutdown }
    }
}

/// Starts the process-wide instance with what the environment says.
///
/// # Errors
///
/// [`Error::AlreadyInitialized`] if it is there or being started, and what
/// [`Larder::from_env`] reports.
///
/// # Cancel safety
///
/// Dropped, there is no instance and `init` can be called again.
pub async fn init() -> Result<Larder> {
    init_with(Larder::builder()).await
}

/// Starts the process-wide instance with settings of the caller's.
///
/// # Errors
///
/// As [`init`].
///
/// # Cancel safety
///
/// As [`init`].
pub async fn init_with(builder: LarderBuilder) -> Result<Larder> {
    let claim = Claim::new()?;
    let larder = builder.start().await?;
    claim.fulfil(larder.clone());
    Ok(larder)
}

/// The process-wide instance.
///
/// # Errors
///
/// [`Error::NotInitialized`] before [`init`] is done and after [`shutdown`].
pub fn get() -> Result<Larder> {
    match &*read() {
        Instance::Running(larder) => Ok(larder.clone()),
        other => Err(other.not_initialized()),
    }
}

/// Shuts the process-wide instance down, as [`Larder::shutdown`] does. From the call
/// on, [`get`] is an error.
///
/// # Errors
///
/// [`Error::NotInitialized`] if there is none, and what [`Larder::shutdown`] reports.
///
/// # Cancel safety
///
/// Dropped, the instance is gone; its connections close when the last user of it drops it.
pub async fn shutdown() -> Result<()> {
    let larder = {
        let mut instance = write();
        let absent = Instance::Absent {
            after_shutdown: true,
        };
        match &*instance {
            Instance::Running(larder) => {
                let larder = larder.clone();
                *instance = absent;
                larder
            }
            other => return Err(other.not_initialized()),
        }
    };
    larder.shutdown().await
}

/// The place of an instance that is being started. Dropped, the place is free again.
struct Claim {
    after_shutdown: bool,
    fulfilled: bool,
}

impl Claim {
    fn new() -> Result<Self> {
        let mut instance = write();
        match *instance {
            Instance::Absent { after_shutdown } => {
                *instance = Instance::Starting;
                Ok(Self {
                    after_shutdown,
                    fulfilled: false,
                })
            }
            Instance::Starting | Instance::Running(_) => Err(Error::AlreadyInitialized),
        }
    }

    fn fulfil(mut self, larder: Larder) {
        *write() = Instance::Running(larder);
        self.fulfilled = true;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.fulfilled {
            *write() = Instance::Absent {
                after_shutdown: self.after_shutdown,
            };
        }
    }
}

fn read() -> RwLockReadGuard<'static, Instance> {
    INSTANCE.read().unwrap_or_else(PoisonError::into_inner)
}

fn write() -> RwLockWriteGuard<'static, Instance> {
    INSTANCE.write().unwrap_or_else(PoisonError::into_inner)
}
