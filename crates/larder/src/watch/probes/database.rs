//! Whether the server answers, and how fast.

use std::sync::Arc;

use larder_health::thresholds::ResponseTime;
use larder_health::{Finding, Probe};

use super::super::link::Unanswered;
use super::{Context, asking, diagnosis};

pub(super) fn ping(context: &Context<'_>) -> Arc<dyn Probe> {
    let response = ResponseTime::up_to(context.config.health.max_response_time);
    let link = Arc::clone(&context.link);
    let (database, interval) = (
        context.database.clone(),
        context.config.health.check_interval,
    );
    let ask = move || {
        let (link, database) = (Arc::clone(&link), database.clone());
        async move {
            match link.ping().await {
                Ok(took) => response.evaluate(took).cured_by(|| {
                    "see what the server is busy with: its load, pg_stat_activity, its disk"
                        .to_owned()
                }),
                Err(unanswered) => judge(&unanswered, || {
                    let lately = database.recent_queries(interval);
                    lately.calls > lately.failures
                }),
            }
        }
    };
    Arc::new(asking(context, "database", ask))
}

/// What it says that there was no answer; where the one connection is in use, those who use it know
/// whether the database has answered them lately.
fn judge(unanswered: &Unanswered, has_answered: impl FnOnce() -> bool) -> Finding {
    let (reason, (fault, cure)) = match unanswered {
        Unanswered::Busy if has_answered() => return Finding::healthy(),
        Unanswered::Busy => return Finding::unknown("the one connection that there is is in use"),
        Unanswered::Silent(limit) => {
            let reason = format!("the database did not answer within {limit:?}");
            (reason, diagnosis::SILENT)
        }
        Unanswered::Failed(error) => (format!("failed to {error}"), diagnosis::of(error)),
    };
    Finding::failed(reason).of_fault(fault).curing(cure)
}

#[cfg(test)]
mod tests {
    use larder_health::Status;

    use super::*;

    #[test]
    fn a_connection_that_is_in_use_is_as_well_as_it_answers() {
        let busy = |has_answered| judge(&Unanswered::Busy, || has_answered).status;
        assert_eq!(
            (busy(true), busy(false)),
            (Status::Healthy, Status::Unknown)
        );
    }
}
