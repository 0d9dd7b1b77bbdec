# The package makes a cluster, which the image leaves to its entrypoint.
rm -rf /var/lib/postgresql/15 /etc/postgresql/15
mkdir -p /var/lib/postgresql/data /docker-entrypoint-initdb.d
chown postgres:postgres /var/lib/postgresql/data
chmod 1777 /var/lib/postgresql/data
echo "listen_addresses = '*'" >>/usr/share/postgresql/15/postgresql.conf.sample
