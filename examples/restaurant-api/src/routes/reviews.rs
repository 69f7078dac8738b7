//! Reviews of a restaurant: read them, add one.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use larder::Larder;
use larder::services::reviews::{NewReview, Rating, ReviewStatus};
use larder::services::{RestaurantId, UserId};
use serde::{Deserialize, Serialize};

use super::restaurants::missing;
use crate::errors::Result;
use crate::extract::{Body, Id, NoParameters, Query};
use crate::inputs;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    #[serde(default = "Page::rows")]
    limit: i64,
    #[serde(default)]
    offset: i64,
}

impl Page {
    fn rows() -> i64 {
        20
    }
}

/// A review as a client sends it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReviewInput {
    user_id: i64,
    rating: i16,
    title: Option<String>,
    comment: Option<String>,
}

pub(crate) async fn of_restaurant(
    State(larder): State<Larder>,
    Id(id): Id<RestaurantId>,
    Query(page): Query<Page>,
) -> Result<Json<impl Serialize>> {
    let reviews = larder.reviews().of_restaurant(id);
    let reviews = reviews.limit(page.limit).offset(page.offset).load().await?;
    // A restaurant that is not there has no reviews either, and that is another answer.
    if reviews.is_empty() && larder.restaurants().by_id(id).await?.is_none() {
        return Err(missing(id));
    }
    Ok(Json(reviews))
}

pub(crate) async fn add(
    State(larder): State<Larder>,
    Id(restaurant_id): Id<RestaurantId>,
    Query(NoParameters {}): Query<NoParameters>,
    Body(input): Body<ReviewInput>,
) -> Result<impl IntoResponse> {
    let user_id = inputs::id("user_id", input.user_id)?;
    let review = NewReview {
        title: input.title,
        comment: input.comment,
        // Nobody moderates here.
        status: ReviewStatus::Approved,
        ..NewReview::rated(restaurant_id, UserId(user_id), Rating::new(input.rating)?)
    };
    let review = larder.reviews().add(review).await?;
    Ok((StatusCode::CREATED, Json(review)))
}
