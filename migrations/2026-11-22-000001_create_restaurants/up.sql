-- Restaurants: what the directory lists.

-- Substring search needs trigrams. The extension is trusted: whoever may create
-- objects in the database may create it.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- The closed sets (status, kosher category) are checked text and not enum types.
-- A client has to look up the id of an enum type before it can bind or read one,
-- and behind a transaction-mode pooler each such look-up may land on another
-- server; text has the same id everywhere. A value is added or removed by
-- replacing the constraint, in a transaction.
--
-- There is no trigger: whoever writes sets updated_at. A trigger may write
-- anything, so a cache would have to drop everything at each write to a table
-- that has one.
CREATE TABLE restaurants (
    id bigint GENERATED ALWAYS AS IDENTITY,
    -- The key in the system that a restaurant was imported from.
    source_id text,
    name text NOT NULL,
    address text,
    city text,
    state text,
    zip_code text,
    -- Degrees, WGS 84.
    latitude double precision,
    longitude double precision,
    phone text,
    website text,
    email text,
    cuisine text,
    kosher_category text,
    kosher_supervision text,
    certifying_agency text,
    listing_type text,
    price_range text,
    description text,
    hours text,
    status text NOT NULL DEFAULT 'active',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- Set when the restaurant is deleted; the row stays for its reviews.
    deleted_at timestamptz,
    -- 'simple' is the one configuration that needs no dictionary files, and it
    -- leaves names as they are: no stemming, no stop words.
    search_document tsvector GENERATED ALWAYS AS (
        setweight(to_tsvector('pg_catalog.simple', name), 'A')
        || setweight(to_tsvector('pg_catalog.simple', coalesce(cuisine, '')), 'B')
        || setweight(to_tsvector('pg_catalog.simple',
            coalesce(nullif(kosher_category, 'unknown'), '')
            || ' ' || coalesce(listing_type, '')), 'C')
    ) STORED,

    CONSTRAINT restaurants_pkey PRIMARY KEY (id),
    CONSTRAINT restaurants_source_id_key UNIQUE (source_id),
    -- The lengths keep every indexed value well below what an index entry may hold.
    CONSTRAINT restaurants_source_id_length CHECK (char_length(source_id) BETWEEN 1 AND 200),
    CONSTRAINT restaurants_name_length CHECK (char_length(name) BETWEEN 1 AND 300),
    CONSTRAINT restaurants_city_length CHECK (char_length(city) <= 200),
    CONSTRAINT restaurants_cuisine_length CHECK (char_length(cuisine) <= 200),
    CONSTRAINT restaurants_coordinates_together CHECK ((latitude IS NULL) = (longitude IS NULL)),
    CONSTRAINT restaurants_latitude_range CHECK (latitude BETWEEN -90 AND 90),
    CONSTRAINT restaurants_longitude_range CHECK (longitude BETWEEN -180 AND 180),
    CONSTRAINT restaurants_kosher_category_known
        CHECK (kosher_category IN ('meat', 'dairy', 'pareve', 'fish', 'unknown')),
    CONSTRAINT restaurants_status_known
        CHECK (status IN ('active', 'inactive', 'pending', 'closed'))
);

-- Nearness: a box finds the candidates, great-circle distance decides.
-- point(longitude, latitude) is null where the coordinates are.
CREATE INDEX restaurants_location_idx ON restaurants USING gist (point(longitude, latitude));

-- Search: whole words by the document, parts of words by trigrams.
CREATE INDEX restaurants_search_document_idx ON restaurants USING gin (search_document);
CREATE INDEX restaurants_name_trigrams_idx ON restaurants USING gin (name gin_trgm_ops);
CREATE INDEX restaurants_cuisine_trigrams_idx ON restaurants USING gin (cuisine gin_trgm_ops);

-- Lists: one city by name, one cuisine.
CREATE INDEX restaurants_city_name_idx ON restaurants (city, name);
CREATE INDEX restaurants_cuisine_idx ON restaurants (cuisine);
