#!/bin/sh
# Between nginx and uWSGI: HTTP (http-socket) against the protocol uwsgi (uwsgi_pass). Run as root on a bare Debian that
# may be thrown away, such as one of machines/. Both have the same processes, threads and application, and take turns.
# It prints requests per second of each round, and the ratio of their medians.
set -eu
export DEBIAN_FRONTEND=noninteractive
rounds=${1:-5} seconds=${2:-5}
folder=$(mktemp -d)
chown www-data "$folder"
apt-get update -qq
apt-get install -qq -y --no-install-recommends nginx-light python3-venv wrk > /dev/null
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pyuwsgi==2.0.30
cat > "$folder/app.py" <<'PYTHON'
PAGES = {"/small": b"x" * 100, "/large": b"x" * 100_000}


def application(environ, start_response):
    page = PAGES[environ["PATH_INFO"]]
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(page)))])
    return [page]
PYTHON
for protocol in http-socket uwsgi-socket; do
  "$folder/venv/bin/uwsgi" --"$protocol" "$folder/$protocol" --chmod-socket=666 --chdir "$folder" --module app \
    --master --processes 2 --threads 8 --buffer-size 65535 --disable-logging --uid www-data --gid www-data \
    --die-on-term 2> "$folder/$protocol.log" &
  servers="${servers:-} $!"
done
cat > "$folder/nginx.conf" <<NGINX
user www-data;
worker_processes 2;
pid $folder/nginx.pid;
error_log $folder/nginx.log;
events {}
http {
  access_log off;
  server {
    listen 127.0.0.1:8001;
    location / {
      proxy_pass http://unix:$folder/http-socket:;
      proxy_set_header Host \$host;
    }
  }
  server {
    listen 127.0.0.1:8002;
    location / {
      include /etc/nginx/uwsgi_params;
      uwsgi_pass unix:$folder/uwsgi-socket;
    }
  }
}
NGINX
nginx -c "$folder/nginx.conf"
finish() {
  nginx -c "$folder/nginx.conf" -s quit
  kill $servers
}
trap finish EXIT
sleep 2
for page in small large; do
  for round in $(seq "$rounds"); do
    for port in 8001 8002; do
      wrk -t 2 -c 32 -d "$seconds" "http://127.0.0.1:$port/$page" > "$folder/said"
      if grep 'Non-2xx' "$folder/said"; then exit 1; fi
      rate=$(awk '/Requests\/sec/ {print $NF}' "$folder/said")
      echo "$page $port $rate" >> "$folder/results"
    done
  done
  awk -v page=$page '$1 == page {print $3 > ("/dev/stderr"); rates[$2, ++count[$2]] = $3}
    function median(port, i, j, n, swap) {
      n = count[port]
      for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++) if (rates[port, j] + 0 < rates[port, i] + 0) {
        swap = rates[port, i]; rates[port, i] = rates[port, j]; rates[port, j] = swap
      }
      return rates[port, int((n + 1) / 2)]
    }
    END {
      http = median(8001); uwsgi = median(8002)
      printf "%s page: HTTP %d/s, uwsgi_pass %d/s, HTTP / uwsgi_pass %.2f\n", page, http, uwsgi, http / uwsgi
    }' "$folder/results"
done
