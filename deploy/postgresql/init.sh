#!/bin/sh
# Roles and database of a new PostgreSQL: an owner that is no superuser, and one that only watches. The image of
# PostgreSQL runs it once, on an empty volume; elsewhere:
#   POSTGRES_USER=postgres TUTORMAX_PASSWORD_FILE=... MONITOR_PASSWORD_FILE=... sh deploy/postgresql/init.sh
set -eu
psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
  --set password="$(cat "$TUTORMAX_PASSWORD_FILE")" --set monitor="$(cat "$MONITOR_PASSWORD_FILE")" <<'SQL'
create role tutormax login password :'password';
create database tutormax owner tutormax;
create role tutormax_monitor login password :'monitor' in role pg_monitor;
\connect tutormax
-- Nobody else makes tables there, and nobody but these comes in.
revoke all on database tutormax from public;
grant connect on database tutormax to tutormax_monitor;
alter schema public owner to tutormax;
SQL
