// @generated automatically by Diesel CLI.

diesel::table! {
    restaurants (id) {
        id -> Int8,
        source_id -> Nullable<Text>,
        name -> Text,
        address -> Nullable<Text>,
        city -> Nullable<Text>,
        state -> Nullable<Text>,
        zip_code -> Nullable<Text>,
        latitude -> Nullable<Float8>,
        longitude -> Nullable<Float8>,
        phone -> Nullable<Text>,
        website -> Nullable<Text>,
        email -> Nullable<Text>,
        cuisine -> Nullable<Text>,
        kosher_category -> Nullable<Text>,
        kosher_supervision -> Nullable<Text>,
        certifying_agency -> Nullable<Text>,
        listing_type -> Nullable<Text>,
        price_range -> Nullable<Text>,
        description -> Nullable<Text>,
        hours -> Nullable<Text>,
        status -> Text,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    reviews (id) {
        id -> Int8,
        restaurant_id -> Int8,
        user_id -> Int8,
        rating -> Int2,
        title -> Nullable<Text>,
        comment -> Nullable<Text>,
        status -> Text,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        source_id -> Nullable<Text>,
    }
}

diesel::table! {
    users (id) {
        id -> Int8,
        username -> Text,
        email -> Text,
        display_name -> Nullable<Text>,
        password_hash -> Text,
        is_verified -> Bool,
        is_active -> Bool,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        last_login -> Nullable<Timestamptz>,
    }
}

diesel::joinable!(reviews -> restaurants (restaurant_id));
diesel::joinable!(reviews -> users (user_id));

diesel::allow_tables_to_appear_in_same_query!(restaurants, reviews, users,);
