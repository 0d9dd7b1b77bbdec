mkdir -p /prometheus
chown nobody:nogroup /prometheus
ln -sf /dev/null /etc/default/prometheus
printf 'scrape_configs:\n  - job_name: prometheus\n    static_configs:\n      - targets: ["localhost:9090"]\n' >/etc/prometheus/prometheus.yml
