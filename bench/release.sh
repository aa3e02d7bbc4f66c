#!/bin/sh
# A release by a plain script: the floor that deploy.py measures deploy.yml against. The code, a tar archive, comes by
# the input. It says when each step was over; it checks nothing, keeps no lock, and cleans nothing up.
# release.sh NAME RELEASE ENVIRONMENT COMMAND: an environment that is there is linked, without one a new one is made.
set -eu
mark() { echo "$1 $(date +%s.%N)"; }
mkdir -p "/srv/bench/$1/$2"
cd "/srv/bench/$1/$2"
tar -xz
mark upload
if [ "$3" ]; then
  ln -s "$3" .venv
else
  python3 -m venv .venv
  .venv/bin/pip install --quiet --disable-pip-version-check --root-user-action ignore --requirement requirements.txt
fi
mark environment
set -a
. /etc/gunicorn/board.env
set +a
.venv/bin/python manage.py collectstatic --noinput >/dev/null
mark build
.venv/bin/python manage.py migrate --noinput >/dev/null
mark migrate
ln -s "$2" ../next
mv -T ../next ../current
$4
mark start
