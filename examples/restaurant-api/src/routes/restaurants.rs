//! Restaurants: nearby, search, one by its id, create.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use larder::Larder;
use larder::prelude::{Point, kilometers};
use larder::services::RestaurantId;
use larder::services::restaurants::{KosherCategory, NewRestaurant};
use serde::{Deserialize, Serialize};

use crate::errors::{ApiError, Kind, Result};
use crate::extract::{Body, Id, NoParameters, Query};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NearbyQuery {
    latitude: f64,
    longitude: f64,
    #[serde(default = "NearbyQuery::radius_km")]
    radius_km: f64,
    #[serde(default = "NearbyQuery::limit")]
    limit: i64,
}

impl NearbyQuery {
    fn radius_km() -> f64 {
        10.0
    }

    fn limit() -> i64 {
        50
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchQuery {
    q: String,
    #[serde(default = "SearchQuery::limit")]
    limit: i64,
    #[serde(default)]
    offset: i64,
}

impl SearchQuery {
    fn limit() -> i64 {
        20
    }
}

pub(crate) async fn nearby(
    State(larder): State<Larder>,
    Query(query): Query<NearbyQuery>,
) -> Result<Json<impl Serialize>> {
    let center = Point::new(query.latitude, query.longitude)?;
    let nearby = larder
        .restaurants()
        .nearby(center, kilometers(query.radius_km));
    Ok(Json(nearby.limit(query.limit).load().await?))
}

pub(crate) async fn search(
    State(larder): State<Larder>,
    Query(query): Query<SearchQuery>,
) -> Result<Json<impl Serialize>> {
    let search = larder.restaurants().search(query.q);
    let page = search.limit(query.limit).offset(query.offset);
    Ok(Json(page.load().await?))
}

pub(crate) async fn by_id(
    State(larder): State<Larder>,
    Id(id): Id<RestaurantId>,
    Query(NoParameters {}): Query<NoParameters>,
) -> Result<Json<impl Serialize>> {
    let found = larder.restaurants().by_id(id).await?;
    found.map(Json).ok_or_else(|| missing(id))
}

pub(crate) async fn create(
    State(larder): State<Larder>,
    Query(NoParameters {}): Query<NoParameters>,
    Body(input): Body<RestaurantInput>,
) -> Result<impl IntoResponse> {
    let created = larder.restaurants().create(input.into()).await?;
    let location = [(header::LOCATION, format!("/restaurants/{}", created.id))];
    Ok((StatusCode::CREATED, location, Json(created)))
}

/// Says that there is no restaurant with this id.
pub(super) fn missing(id: RestaurantId) -> ApiError {
    ApiError::new(Kind::NotFound, format!("there is no restaurant {id}")).of_field("id")
}

/// A restaurant as a client sends it. The service checks it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestaurantInput {
    name: String,
    source_id: Option<String>,
    address: Option<String>,
    city: Option<String>,
    state: Option<String>,
    zip_code: Option<String>,
    latitude: Option<f64>,
    longitude: Option<f64>,
    phone: Option<String>,
    website: Option<String>,
    email: Option<String>,
    cuisine: Option<String>,
    kosher_category: Option<KosherCategory>,
    kosher_supervision: Option<String>,
    certifying_agency: Option<String>,
    listing_type: Option<String>,
    price_range: Option<String>,
    description: Option<String>,
    hours: Option<String>,
}

impl From<RestaurantInput> for NewRestaurant {
    /// What is created here is active at once.
    fn from(input: RestaurantInput) -> Self {
        Self {
            source_id: input.source_id,
            address: input.address,
            city: input.city,
            state: input.state,
            zip_code: input.zip_code,
            latitude: input.latitude,
            longitude: input.longitude,
            phone: input.phone,
            website: input.website,
            email: input.email,
            cuisine: input.cuisine,
            kosher_category: input.kosher_category,
            kosher_supervision: input.kosher_supervision,
            certifying_agency: input.certifying_agency,
            listing_type: input.listing_type,
            price_range: input.price_range,
            description: input.description,
            hours: input.hours,
            ..Self::named(input.name)
        }
    }
}
