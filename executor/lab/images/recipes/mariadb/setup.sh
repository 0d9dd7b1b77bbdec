rm -rf /var/lib/mysql/*
chown mysql:mysql /var/lib/mysql
printf '[mariadbd]\nbind-address = 0.0.0.0\nskip-name-resolve\nskip-log-error\n' >/etc/mysql/mariadb.conf.d/90-image.cnf
