//! Health: what is asked and what it takes to be well; which fault is named as the cause; who is
//! told.

mod alerts;
mod checks;
mod database_faults;
mod load_faults;
mod named;
mod redis_faults;
mod schema_faults;
