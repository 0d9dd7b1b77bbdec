#!/bin/bash
# Copies WordPress into /var/www/html where it is missing, and runs the command.
set -euo pipefail
if [[ ${1:-} = apache2* && ! -e /var/www/html/index.php ]]; then
  echo "WordPress not found in /var/www/html - copying now..."
  cp -r /usr/src/wordpress/. /var/www/html/
  chown -R www-data:www-data /var/www/html
  echo "Complete! WordPress has been successfully copied to /var/www/html"
fi
exec "$@"
