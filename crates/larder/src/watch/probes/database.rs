//! Whether the server answers, and how fast.

use std::sync::Arc;

use larder_database::WindowStatistics;
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
                // Who uses the one connection asks the database, too.
                Err(Unanswered::Busy) => busy(database.recent_queries(interval)),
                Err(unanswered) => judge(&unanswered),
            }
        }
    };
    Arc::new(asking(context, "database", ask))
}

fn busy(lately: WindowStatistics) -> Finding {
    match lately.calls > lately.failures {
        true => Finding::healthy(),
        false => Finding::unknown("the one connection that there is is in use"),
    }
}

fn judge(unanswered: &Unanswered) -> Finding {
    let (reason, (fault, cure)) = match unanswered {
        Unanswered::Busy => return busy(WindowStatistics::default()),
        Unanswered::Silent(limit) => {
            let reason = format!("the database did not answer within {limit:?}");
            (reason, diagnosis::SILENT)
        }
        Unanswered::Failed(error) => (format!("failed to {error}"), diagnosis::of(error)),
    };
    Finding::failed(reason).of_fault(fault).curing(cure)
}
