#!/bin/bash
# Makes a data directory where there is none, as the user mysql, and runs the server.
set -euo pipefail
data=/var/lib/mysql

from_file() { # NAME: the value of NAME, or the content of the file that NAME_FILE names
  local file=$1_FILE
  if [[ -n ${!file:-} ]]; then cat "${!file}"; else printf %s "${!1:-}"; fi
}

quoted() { printf "'%s'" "${1//\'/\'\'}"; }

if [[ ${1:-} = mariadbd && $(id -u) = 0 ]]; then
  mkdir -p "$data" /run/mysqld
  find "$data" \! -user mysql -exec chown mysql:mysql '{}' +
  chown mysql:mysql /run/mysqld
  exec setpriv --reuid=mysql --regid=mysql --init-groups "$0" "$@"
fi
if [[ ${1:-} = mariadbd && ! -d $data/mysql ]]; then
  root=$(from_file MARIADB_ROOT_PASSWORD)
  if [[ -z $root && -n ${MARIADB_RANDOM_ROOT_PASSWORD:-} ]]; then
    root=$(od -An -N 16 -tx1 /dev/urandom | tr -d ' \n')
    echo "GENERATED ROOT PASSWORD: $root"
  fi
  if [[ -z $root ]]; then
    echo "The database is new and has no root password: set MARIADB_ROOT_PASSWORD, MARIADB_ROOT_PASSWORD_FILE or MARIADB_RANDOM_ROOT_PASSWORD." >&2
    exit 1
  fi
  mariadb-install-db --datadir="$data" --skip-test-db --auth-root-authentication-method=normal >/dev/null
  user=$(from_file MARIADB_USER) password=$(from_file MARIADB_PASSWORD) database=${MARIADB_DATABASE:-}
  {
    echo "FLUSH PRIVILEGES;"
    echo "ALTER USER 'root'@'localhost' IDENTIFIED BY $(quoted "$root");"
    if [[ -n $database ]]; then echo "CREATE DATABASE IF NOT EXISTS \`$database\`;"; fi
    if [[ -n $user ]]; then
      echo "CREATE USER $(quoted "$user")@'%' IDENTIFIED BY $(quoted "$password");"
      if [[ -n $database ]]; then echo "GRANT ALL ON \`$database\`.* TO $(quoted "$user")@'%';"; fi
    fi
  } | mariadbd --bootstrap --datadir="$data" --skip-networking
  echo "MariaDB init process done. Ready for start up."
fi
exec "$@"
