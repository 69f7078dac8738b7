-- pg_trgm stays: it may have been there before, and others may use it.
DROP TABLE restaurants;
