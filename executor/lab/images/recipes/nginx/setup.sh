mkdir -p /docker-entrypoint.d /usr/share/nginx/html
rm -f /etc/nginx/sites-enabled/default
ln -sf /dev/stdout /var/log/nginx/access.log
ln -sf /dev/stderr /var/log/nginx/error.log
cat >/etc/nginx/conf.d/default.conf <<'CONF'
server {
    listen 80;
    listen [::]:80;
    root /usr/share/nginx/html;
    index index.html;
}
CONF
echo '<h1>Welcome to nginx!</h1>' >/usr/share/nginx/html/index.html
