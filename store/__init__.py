"""Tables, queries, contents and migrations: the only SQL; models go in and out, no row leaves."""
