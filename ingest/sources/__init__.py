"""The sources, one file each; `ingest.kinds` has the table of them."""
