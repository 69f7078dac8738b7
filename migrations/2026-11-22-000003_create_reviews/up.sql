-- Reviews: what users say about restaurants. A user may review a restaurant
-- more than once.

-- The status is checked text and not an enum type, for the reasons given at
-- restaurants.
CREATE TABLE reviews (
    id bigint GENERATED ALWAYS AS IDENTITY,
    restaurant_id bigint NOT NULL,
    user_id bigint NOT NULL,
    rating smallint NOT NULL,
    title text,
    comment text,
    status text NOT NULL DEFAULT 'pending',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT reviews_pkey PRIMARY KEY (id),
    CONSTRAINT reviews_restaurant_id_fkey
        FOREIGN KEY (restaurant_id) REFERENCES restaurants (id) ON DELETE CASCADE,
    -- Users are deactivated, not deleted, so a deletion is refused while there
    -- are reviews.
    CONSTRAINT reviews_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT reviews_rating_range CHECK (rating BETWEEN 1 AND 5),
    CONSTRAINT reviews_status_known CHECK (status IN ('pending', 'approved', 'rejected'))
);

-- A restaurant's reviews, newest first; the id decides between equal times, so
-- that pages neither overlap nor leave anything out.
CREATE INDEX reviews_restaurant_id_created_at_idx
    ON reviews (restaurant_id, created_at DESC, id DESC);

-- A user's reviews, and the foreign key when a user is deleted.
CREATE INDEX reviews_user_id_idx ON reviews (user_id);
