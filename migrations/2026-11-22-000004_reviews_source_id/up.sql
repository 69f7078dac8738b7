-- Reviews that come from elsewhere keep their key there, so that importing them
-- again updates them. Reviews that were written here have none.
ALTER TABLE reviews
    ADD COLUMN source_id text,
    ADD CONSTRAINT reviews_source_id_key UNIQUE (source_id),
    -- Keeps every value well below what an index entry may hold.
    ADD CONSTRAINT reviews_source_id_length CHECK (char_length(source_id) BETWEEN 1 AND 200);
