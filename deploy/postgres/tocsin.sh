#!/bin/sh
# Run once by the image of PostgreSQL, in its empty volume: the role that Tocsin uses, which is no superuser, and its database.
set -eu
TOCSIN_PASSWORD_FILE=${TOCSIN_PASSWORD_FILE:-/run/secrets/tocsin_password}
export TOCSIN_PASSWORD_FILE
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\set password `cat "$TOCSIN_PASSWORD_FILE"`
CREATE ROLE tocsin LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'password';
CREATE DATABASE tocsin OWNER tocsin ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE tocsin FROM PUBLIC;
SQL
