#!/bin/sh
# What site.yml does on one server, as a plain script: the floor that bench.py measures it against. Run as root on a bare
# Debian in the folder that holds this script and guestbook/. One apt transaction; every service starts once, with its
# last configuration. It knows no check, no second run, no second release, no rollback and no other system than this
# one, and it leaves the DNS records to site.yml.
set -eu
umask 022
export DEBIAN_FRONTEND=noninteractive
app=/srv/guestbook/releases/1
password=$(head -c 24 /dev/urandom | base64 | tr +/ ab)
secret_key=$(head -c 36 /dev/urandom | base64 | tr +/ ab)

# Configuration first, so that the packages start their services with it.
mkdir -p /etc/nginx /etc/gunicorn /etc/mysql/mysql.conf.d /etc/systemd/system/nginx.service.d \
  /etc/systemd/system/mysql.service.d
cat > /etc/apt/sources.list.d/mysql.sources <<'EOF'
Types: deb
URIs: mirror+file:/etc/apt/mirrors/debian.list
Suites: sid
Components: main
Languages: none
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
EOF
cat > /etc/apt/preferences.d/mysql.pref <<'EOF'
Package: *
Pin: release n=sid
Pin-Priority: 100
EOF
cat > /etc/mysql/mysql.conf.d/zz-webstack.cnf <<EOF
[mysqld]
character_set_server = utf8mb4
collation_server = utf8mb4_0900_ai_ci
innodb_buffer_pool_size = $(awk '/^MemTotal/ {print int($2 / 4096)}' /proc/meminfo)M
loose_innodb_numa_interleave = OFF
long_query_time = 1
max_connections = 151
mysqlx = OFF
skip_networking = ON
slow_query_log = ON
slow_query_log_file = /var/log/mysql/mysql-slow.log
EOF

sandbox='CapabilityBoundingSet=
KeyringMode=private
LockPersonality=yes
MemoryDenyWriteExecute=yes
NoNewPrivileges=yes
PrivateDevices=yes
PrivateTmp=yes
ProcSubset=pid
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RemoveIPC=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
Restart=always'
local_only='IPAddressDeny=any
PrivateIPC=yes
PrivateNetwork=yes
RestrictAddressFamilies=AF_UNIX
UMask=0077'

cat > /etc/systemd/system/mysql.service.d/webstack.conf <<EOF
[Unit]
StartLimitIntervalSec=0
[Service]
$sandbox
$local_only
PermissionsStartOnly=no
ReadWritePaths=/var/lib/mysql -/var/lib/mysql-files -/var/lib/mysql-keyring /var/log/mysql
RestartPreventExitStatus=
RestartSec=1
EOF
cat > /etc/systemd/system/nginx.service.d/webstack.conf <<EOF
[Unit]
StartLimitIntervalSec=0
[Service]
$sandbox
User=www-data
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
PIDFile=/run/nginx/nginx.pid
RuntimeDirectory=nginx
CacheDirectory=nginx
ReadWritePaths=-/var/log/nginx
ExecStartPre=
ExecStart=
ExecStart=/usr/sbin/nginx -e stderr
ExecStop=
KillSignal=SIGQUIT
LimitNOFILE=65536
RestartSec=500ms
UMask=0027
EOF
cat > /etc/nginx/nginx.conf <<'EOF'
user www-data;
pid /run/nginx/nginx.pid;
error_log stderr error;
worker_processes auto;
events { worker_connections 4096; }
http {
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    charset utf-8;
    server_tokens off;
    sendfile on;
    tcp_nopush on;
    log_format timed '$remote_addr [$time_local] "$request" $status $body_bytes_sent host=$host request_id=$request_id '
                     'request_time=$request_time upstream_response_time="$upstream_response_time"';
    access_log syslog:server=unix:/dev/log,nohostname,tag=nginx timed;
    client_max_body_size 10m;
    client_header_timeout 15s;
    client_body_timeout 30s;
    send_timeout 30s;
    client_body_temp_path /var/cache/nginx/client_body;
    proxy_temp_path /var/cache/nginx/proxy;
    fastcgi_temp_path /var/cache/nginx/fastcgi;
    uwsgi_temp_path /var/cache/nginx/uwsgi;
    scgi_temp_path /var/cache/nginx/scgi;
    gzip on;
    gzip_comp_level 5;
    gzip_proxied any;
    gzip_vary on;
    gzip_types text/plain text/css text/javascript application/json image/svg+xml;
    proxy_http_version 1.1;
    proxy_connect_timeout 5s;
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Request-ID $request_id;
    upstream guestbook { server unix:/srv/guestbook/current/gunicorn.sock; }
    server { listen 80 default_server; listen [::]:80 default_server; return 444; }
    server {
        listen 80; listen [::]:80;
        server_name www.foobar.com;
        return 301 $scheme://foobar.com$request_uri;
    }
    server {
        listen 80; listen [::]:80;
        server_name foobar.com;
        location /static/ {
            alias /srv/guestbook/current/public/;
            gzip_static on;
            add_header Cache-Control "public, max-age=31536000, immutable";
        }
        location / { proxy_pass http://guestbook; }
    }
}
EOF
cat > /etc/gunicorn/guestbook.conf.py <<'EOF'
import os
wsgi_app = "guestbook:create_app()"
workers = len(os.sched_getaffinity(0))
worker_tmp_dir = "/dev/shm"
secure_scheme_headers = {"X-FORWARDED-PROTO": "https"}
accesslog = "-"
control_socket_disable = True
EOF
cat > /etc/systemd/system/gunicorn-guestbook@.socket <<'EOF'
[Socket]
ListenStream=/run/gunicorn-guestbook/%i.sock
SocketUser=guestbook
SocketGroup=www-data
SocketMode=0660
RemoveOnStop=true
[Install]
WantedBy=sockets.target
EOF
cat > /etc/systemd/system/gunicorn-guestbook@.service <<EOF
[Unit]
Requires=gunicorn-guestbook@%i.socket
After=gunicorn-guestbook@%i.socket network.target mysql.service
StartLimitIntervalSec=0
[Service]
$sandbox
$local_only
Type=notify
User=guestbook
Group=guestbook
WorkingDirectory=/srv/guestbook/releases/%i
Environment=PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
EnvironmentFile=/etc/gunicorn/guestbook.env
ExecStart=/srv/guestbook/releases/%i/.venv/bin/gunicorn --config /etc/gunicorn/guestbook.conf.py
RestartSec=1
TimeoutStopSec=35
TasksMax=512
[Install]
Also=gunicorn-guestbook@%i.socket
WantedBy=multi-user.target
EOF

apt-get update -qq
# Without strict pinning sid gives what MySQL needs and the stable release lacks, but no libc nor perl.
apt-get install -qq --yes --no-install-recommends -o Dpkg::Options::=--force-confold -o APT::Solver::Strict-Pinning=false \
  nginx python3-pip-whl mysql-server >/dev/null

mysql <<EOF
CREATE DATABASE guestbook;
CREATE USER guestbook@localhost IDENTIFIED WITH caching_sha2_password BY '$password';
GRANT ALL ON guestbook.* TO guestbook@localhost;
EOF

# The code belongs to a user that never runs it.
useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin guestbook
useradd --system --no-create-home --home-dir /srv/guestbook/cache --shell /usr/sbin/nologin --gid guestbook guestbook-build
(umask 027; cat > /etc/gunicorn/guestbook.env) <<EOF
DATABASE_URL="mysql+pymysql://guestbook:$password@localhost/guestbook?unix_socket=/run/mysqld/mysqld.sock&charset=utf8mb4"
SECRET_KEY=$secret_key
EOF
chgrp guestbook /etc/gunicorn/guestbook.env
python3 "$(echo /usr/share/python-wheels/pip-*.whl)/pip" install --quiet --disable-pip-version-check --root-user-action ignore \
  --no-compile --target /opt/uv uv==0.13.9
install -d -o guestbook-build -g guestbook -m 0751 /srv/guestbook "$app" /srv/guestbook/cache
cp -R guestbook/. "$app"
chown -R guestbook-build:guestbook "$app"
chmod -R u=rwX,g=rX,o= "$app"
chmod 0751 "$app"
ln -s /run/gunicorn-guestbook/1.sock "$app/gunicorn.sock"
cd "$app"
export UV_CACHE_DIR=/srv/guestbook/cache UV_SYSTEM_CERTS=1 UV_PYTHON_DOWNLOADS=never PATH="$app/.venv/bin:$PATH"
set -a
. /etc/gunicorn/guestbook.env
set +a
setpriv --reuid guestbook-build --regid guestbook --clear-groups sh -euc '
  umask 027
  /opt/uv/bin/uv venv --quiet --python /usr/bin/python3
  /opt/uv/bin/uv pip install --quiet --requirement requirements.txt
  python -m guestbook.digest >/dev/null'
chmod -R o=rX "$app/public"
setpriv --reuid guestbook --regid guestbook --clear-groups flask --app guestbook db upgrade
systemctl daemon-reload
systemctl enable --quiet --now gunicorn-guestbook@1.service
ln -s releases/1 /srv/guestbook/current
