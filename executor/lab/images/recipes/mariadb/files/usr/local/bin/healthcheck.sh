#!/bin/bash
# healthcheck.sh [--connect] [--innodb_initialized]: whether the server answers.
exec mariadb-admin --protocol=tcp --host=127.0.0.1 --connect-timeout=2 --user=healthcheck status 2>&1 | grep -qE 'Uptime|Access denied'
