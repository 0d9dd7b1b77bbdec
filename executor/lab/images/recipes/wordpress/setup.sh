# The package has links into other packages: the copy has files.
mkdir -p /usr/src /var/www/html
cp -rL /usr/share/wordpress /usr/src/wordpress
rm -f /usr/src/wordpress/wp-config.php /var/www/html/index.html
mv /wp-config-docker.php /usr/src/wordpress/wp-config.php
chown www-data:www-data /var/www/html
chmod 1777 /var/www/html
a2disconf -q other-vhosts-access-log
a2enmod -q rewrite
ln -sf /dev/stdout /var/log/apache2/access.log
ln -sf /dev/stderr /var/log/apache2/error.log
echo 'ServerName localhost' >/etc/apache2/conf-enabled/name.conf
