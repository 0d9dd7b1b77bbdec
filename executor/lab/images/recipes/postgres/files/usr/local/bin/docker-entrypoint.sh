#!/bin/bash
# Makes a database cluster where there is none, as the user postgres, and runs the server.
set -euo pipefail

from_file() { # NAME: the value of NAME, or the content of the file that NAME_FILE names
  local file=$1_FILE
  if [[ -n ${!file:-} ]]; then cat "${!file}"; else printf %s "${!1:-}"; fi
}

if [[ $(id -u) = 0 ]]; then
  mkdir -p "$PGDATA" /var/run/postgresql
  chmod 00700 "$PGDATA"
  find "$PGDATA" \! -user postgres -exec chown postgres '{}' +
  chown postgres:postgres /var/run/postgresql
  exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi
if [[ ${1:-} = postgres && ! -s $PGDATA/PG_VERSION ]]; then
  password=$(from_file POSTGRES_PASSWORD)
  if [[ -z $password ]]; then
    echo "The database is new and has no superuser password: set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE." >&2
    exit 1
  fi
  user=${POSTGRES_USER:-postgres}
  initdb --username="$user" --pwfile=<(printf '%s\n' "$password") >/dev/null
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  pg_ctl -D "$PGDATA" -o "-c listen_addresses='' -p 5432" -w start >/dev/null
  database=${POSTGRES_DB:-$user}
  if [[ $database != postgres ]]; then
    psql -v ON_ERROR_STOP=1 --username "$user" --no-password -d postgres -v db="$database" <<<'CREATE DATABASE :"db";' >/dev/null
  fi
  for script in /docker-entrypoint-initdb.d/*; do
    case $script in
      *.sql) psql -v ON_ERROR_STOP=1 --username "$user" -d "$database" -f "$script" ;;
      *.sh) . "$script" ;;
    esac
  done
  pg_ctl -D "$PGDATA" -m fast -w stop >/dev/null
  echo "PostgreSQL init process complete; ready for start up."
fi
exec "$@"
