//! Whether the server answers, and how fast.

use std::sync::Arc;

use larder_health::thresholds::ResponseTime;
use larder_health::{Finding, Probe};

use super::super::link::Unanswered;
use super::{Context, asking, diagnosis};

pub(super) fn ping(context: &Context<'_>) -> Arc<dyn Probe> {
    let response = ResponseTime::up_to(context.config.health.max_response_time);
    let link = Arc::clone(&context.link);
    let ask = move || {
        let link = Arc::clone(&link);
        async move {
            match link.ping().await {
                Ok(took) => response.evaluate(took).cured_by(|| {
                    "see what the server is busy with: its load, pg_stat_activity, its disk"
                        .to_owned()
                }),
                Err(unanswered) => judge(&unanswered),
            }
        }
    };
    Arc::new(asking(context, "database", ask))
}

fn judge(unanswered: &Unanswered) -> Finding {
    let (reason, (fault, cure)) = match unanswered {
        Unanswered::Busy => return Finding::unknown("the one connection that there is is in use"),
        Unanswered::Silent(limit) => {
            let reason = format!("the database did not answer within {limit:?}");
            (reason, diagnosis::SILENT)
        }
        Unanswered::Failed(error) => (format!("failed to {error}"), diagnosis::of(error)),
    };
    Finding::failed(reason).of_fault(fault).curing(cure)
}
