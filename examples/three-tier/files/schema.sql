-- The schema of a new database: postgres runs it once, on an empty directory.
CREATE TABLE orders (
  id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  placed  timestamptz NOT NULL DEFAULT now(),
  article text NOT NULL
);
