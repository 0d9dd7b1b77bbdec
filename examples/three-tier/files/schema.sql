-- What a new database begins with: postgres runs it once, on an empty directory.
CREATE TABLE orders (
  id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  placed  timestamptz NOT NULL DEFAULT now(),
  article text NOT NULL
);
